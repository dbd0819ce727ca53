"""float32 to int8, rounded half to even, clamped elements counted."""

from spinntensor.kernels._f32_convert import declare

KERNEL = declare("f32_to_s8")
