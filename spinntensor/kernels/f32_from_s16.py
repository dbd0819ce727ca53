"""int16 to float32, exact."""

from spinntensor.kernels._f32_convert import declare

KERNEL = declare("f32_from_s16")
