"""First position of the maximum in every row of an int16 matrix."""

import numpy as np

from spinntensor.kernels._reduce import declare

KERNEL = declare("reduce_argmax_s16", np.int16)
