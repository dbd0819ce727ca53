"""Sum of float32 rows, IEEE 754: rows against rows, one row, or one number a row."""

from spinntensor.kernels._f32_rows import declare

KERNEL = declare("f32_add_rows")
