"""Minimum of uint8 arrays, element by element."""

import numpy as np

from spinntensor.kernels._eltwise import declare

KERNEL = declare("eltwise_min_u8", np.uint8)
