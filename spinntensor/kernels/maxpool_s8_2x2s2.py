"""Maximum over 2x2 windows, stride 2, of int8 pixels, NHWC."""

from spinntensor.kernels._maxpool import declare

KERNEL = declare("maxpool_s8_2x2s2", (2, 2), (2, 2))
