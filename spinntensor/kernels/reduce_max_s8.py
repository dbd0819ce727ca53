"""Row maxima of an int8 matrix."""

import numpy as np

from spinntensor.kernels._reduce import declare

KERNEL = declare("reduce_max_s8", np.int8)
