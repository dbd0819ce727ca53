"""First position of the maximum in every row of a float32 matrix."""

from spinntensor.kernels._f32_reduce import declare

KERNEL = declare("f32_reduce_argmax")
