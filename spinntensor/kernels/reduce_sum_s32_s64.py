"""Row sums of an int32 matrix, exact in int64."""

import numpy as np

from spinntensor.kernels._reduce import declare

KERNEL = declare("reduce_sum_s32_s64", np.int32, np.int64)
