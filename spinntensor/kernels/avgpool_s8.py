"""Mean over windows of any size and stride of int8 pixels, NHWC, rounded half to even."""

import numpy as np

from spinntensor.kernels._avgpool import declare

KERNEL = declare("avgpool_s8", np.int8)
