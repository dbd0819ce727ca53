"""Sum of int8 arrays, saturated; what was clamped is counted."""

import numpy as np

from spinntensor.kernels._eltwise import declare

KERNEL = declare("eltwise_add_s8", np.int8)
