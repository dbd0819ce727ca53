"""Maximum over 3x3 windows, stride 2, of int8 pixels, NHWC."""

from spinntensor.kernels._maxpool import declare

KERNEL = declare("maxpool_s8_3x3s2", (3, 3), (2, 2))
