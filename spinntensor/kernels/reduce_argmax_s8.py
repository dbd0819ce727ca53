"""First position of the maximum in every row of an int8 matrix."""

import numpy as np

from spinntensor.kernels._reduce import declare

KERNEL = declare("reduce_argmax_s8", np.int8)
