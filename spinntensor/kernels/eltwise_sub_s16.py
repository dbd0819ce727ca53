"""Difference of int16 arrays, saturated; what was clamped is counted."""

import numpy as np

from spinntensor.kernels._eltwise import declare

KERNEL = declare("eltwise_sub_s16", np.int16)
