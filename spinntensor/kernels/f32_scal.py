"""A float32 array times a factor."""

from spinntensor.kernels._f32_blas import declare

KERNEL = declare("f32_scal")
