"""Row sums of an int32 matrix, exact in int32."""

import numpy as np

from spinntensor.kernels._reduce import declare

KERNEL = declare("reduce_sum_s32", np.int32)
