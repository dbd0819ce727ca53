"""Logistic function 1 / (1 + exp(-x)) of float32, within 0.55 ulp."""

from spinntensor.kernels._float_tables import sigmoid_table
from spinntensor.kernels._float_unary import declare
from spinntensor.kernels.float_math import sigmoid_bits

KERNEL = declare("f32_sigmoid", sigmoid_bits, sigmoid_table, -80.0, 80.0, 79)
