"""Maximum over 2x2 windows, stride 2, of uint8 (below 128) pixels, NHWC."""

from spinntensor.kernels._maxpool import declare

KERNEL = declare("maxpool_u7_2x2s2", (2, 2), (2, 2))
