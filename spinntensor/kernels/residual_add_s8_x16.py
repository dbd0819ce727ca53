"""Residual addition of signed bytes, each operand with a scale and zero point of its own, then a clamp."""

import numpy as np

from spinntensor.kernels.residual_add import kernel

KERNEL = kernel("residual_add_s8_x16", np.int8)
