"""Square root of a float32 array, IEEE 754."""

from spinntensor.kernels._f32_eltwise import declare

KERNEL = declare("f32_sqrt")
