"""Product of int16 arrays, exact in int32."""

import numpy as np

from spinntensor.kernels._eltwise import declare

KERNEL = declare("eltwise_mul_s16", np.int16)
