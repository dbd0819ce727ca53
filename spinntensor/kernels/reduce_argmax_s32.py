"""First position of the maximum in every row of an int32 matrix."""

import numpy as np

from spinntensor.kernels._reduce import declare

KERNEL = declare("reduce_argmax_s32", np.int32)
