"""Row maxima of an int32 matrix."""

import numpy as np

from spinntensor.kernels._reduce import declare

KERNEL = declare("reduce_max_s32", np.int32)
