"""Row sums of an int8 matrix, exact in int32."""

import numpy as np

from spinntensor.kernels._reduce import declare

KERNEL = declare("reduce_sum_s8", np.int8)
