"""Hyperbolic tangent of float32, within 0.56 ulp."""

from spinntensor.kernels._float_tables import tanh_table
from spinntensor.kernels._float_unary import declare
from spinntensor.kernels.float_math import tanh_bits

KERNEL = declare("f32_tanh", tanh_bits, tanh_table, -9.0, 9.0, 38)
