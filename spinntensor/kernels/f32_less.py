"""a < b of float32 arrays, as 1 or 0."""

from spinntensor.kernels._f32_compare import declare

KERNEL = declare("f32_less")
