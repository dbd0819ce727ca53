"""Exponential of float32, within 0.53 ulp."""

from spinntensor.kernels._float_tables import exp_table
from spinntensor.kernels._float_unary import declare
from spinntensor.kernels.float_math import exp_bits

KERNEL = declare("f32_exp", exp_bits, exp_table, -80.0, 80.0, 44)
