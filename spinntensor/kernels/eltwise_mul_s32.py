"""Product of int32 arrays, exact by a range proof."""

import numpy as np

from spinntensor.kernels._eltwise import declare

KERNEL = declare("eltwise_mul_s32", np.int32)
