"""Row maxima of an int16 matrix."""

import numpy as np

from spinntensor.kernels._reduce import declare

KERNEL = declare("reduce_max_s16", np.int16)
