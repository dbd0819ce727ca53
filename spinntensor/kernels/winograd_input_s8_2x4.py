"""Winograd F(2x4,3x3) input transform of s8 pixels."""

import numpy as np

from spinntensor.kernels.winograd_input import kernel
from spinntensor.kernels.winograd_pack import F2X4

KERNEL = kernel("winograd_input_s8_2x4", np.int8, F2X4)
