"""Product of int8 arrays, exact in int16."""

import numpy as np

from spinntensor.kernels._eltwise import declare

KERNEL = declare("eltwise_mul_s8", np.int8)
