"""Mean over windows of any size and stride of uint8 pixels, NHWC, rounded half to even."""

import numpy as np

from spinntensor.kernels._avgpool import declare

KERNEL = declare("avgpool_u8", np.uint8)
