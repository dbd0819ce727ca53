"""Minimum of int8 arrays, element by element."""

import numpy as np

from spinntensor.kernels._eltwise import declare

KERNEL = declare("eltwise_min_s8", np.int8)
