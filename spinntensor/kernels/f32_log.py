"""Natural logarithm of float32, within 0.53 ulp."""

from spinntensor.kernels._float_tables import log_table
from spinntensor.kernels._float_unary import declare
from spinntensor.kernels.float_math import log_bits

KERNEL = declare("f32_log", log_bits, log_table, 0.01, 100.0, 50)
