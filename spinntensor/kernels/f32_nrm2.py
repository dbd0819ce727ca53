"""Square root of the float32 dot product of x with itself."""

from spinntensor.kernels._f32_dot import declare

KERNEL = declare("f32_nrm2")
