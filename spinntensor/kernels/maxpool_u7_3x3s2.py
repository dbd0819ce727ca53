"""Maximum over 3x3 windows, stride 2, of uint8 (below 128) pixels, NHWC."""

from spinntensor.kernels._maxpool import declare

KERNEL = declare("maxpool_u7_3x3s2", (3, 3), (2, 2))
