"""|x| of a float32 array."""

from spinntensor.kernels._f32_eltwise import declare

KERNEL = declare("f32_abs")
