"""Maximum of int8 arrays, element by element; against a scalar it is ReLU."""

import numpy as np

from spinntensor.kernels._eltwise import declare

KERNEL = declare("eltwise_max_s8", np.int8)
