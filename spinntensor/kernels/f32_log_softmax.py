"""Logarithm of the softmax of float32 rows."""

from spinntensor.kernels._float_softmax import declare

KERNEL = declare("f32_log_softmax")
