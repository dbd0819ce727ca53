"""A = (alpha x) y^T + A in float32, each operation rounded."""

from spinntensor.kernels._f32_blas import declare

KERNEL = declare("f32_ger")
