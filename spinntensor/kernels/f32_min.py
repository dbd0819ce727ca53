"""Minimum of float32 arrays, IEEE 754."""

from spinntensor.kernels._f32_eltwise import declare

KERNEL = declare("f32_min")
