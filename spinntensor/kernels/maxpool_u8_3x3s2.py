"""Maximum over 3x3 windows, stride 2, of uint8 pixels, NHWC."""

from spinntensor.kernels._maxpool import declare

KERNEL = declare("maxpool_u8_3x3s2", (3, 3), (2, 2))
