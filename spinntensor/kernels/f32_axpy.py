"""y = alpha x + y in float32, product and sum rounded."""

from spinntensor.kernels._f32_blas import declare

KERNEL = declare("f32_axpy")
