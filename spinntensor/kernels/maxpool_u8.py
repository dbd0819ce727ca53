"""Maximum over windows of any size and stride of uint8 pixels, NHWC; over the whole image: global maximum."""

from spinntensor.kernels._maxpool import declare

KERNEL = declare("maxpool_u8")
