"""3x3 convolution, stride 1, by Winograd F(2x4,3x3): int16 products, bytes out, unrolled over 32 pairs of channels."""

from spinntensor.kernels.winograd_pack import F2X4
from spinntensor.kernels.winograd_product import kernel

BENCH = ((6, 3, 3, 64), (4, 3, 3, 64), (3, 2, 3, 96), (3, 1, 3, 128), (7, 2, 2, 32))
KERNEL = kernel("winograd_product_s16_2x4_u32", F2X4, most=40, bench=BENCH)
