"""3x3 convolution, stride 1, by Winograd F(2x2,3x3): int16 products, bytes out, unrolled over 32 pairs of channels."""

from spinntensor.kernels.winograd_pack import F2X2
from spinntensor.kernels.winograd_product import kernel

BENCH = ((6, 3, 4, 64), (4, 3, 4, 64), (6, 2, 3, 128), (3, 1, 3, 256), (7, 2, 2, 32))
KERNEL = kernel("winograd_product_s16_2x2_u32", F2X2, most=66, bench=BENCH)
