"""Dot product of float32 by block floating point, rounded once."""

from spinntensor.kernels._f32_dot import declare

KERNEL = declare("f32_dot")
