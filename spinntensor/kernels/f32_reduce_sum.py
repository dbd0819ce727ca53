"""Row sums of a float32 matrix by a pairwise tree."""

from spinntensor.kernels._f32_reduce import declare

KERNEL = declare("f32_reduce_sum")
