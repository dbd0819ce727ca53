"""First position of the largest magnitude in every row of float32."""

from spinntensor.kernels._f32_reduce import declare

KERNEL = declare("f32_iamax")
