"""Winograd F(2x4,3x3) input transform of u8 pixels."""

import numpy as np

from spinntensor.kernels.winograd_input import kernel
from spinntensor.kernels.winograd_pack import F2X4

KERNEL = kernel("winograd_input_u8_2x4", np.uint8, F2X4)
