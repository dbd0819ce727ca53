"""int32 to float32, rounded half to even."""

from spinntensor.kernels._f32_convert import declare

KERNEL = declare("f32_from_s32")
