"""3x3 convolution, stride 1, by Winograd F(2x2,3x3): int16 products, int32 sums out, unrolled over 32 pairs."""

from spinntensor.kernels.winograd_pack import F2X2
from spinntensor.kernels.winograd_sums import kernel

BENCH = ((6, 3, 4, 64, 0), (6, 3, 4, 64, 1), (6, 2, 3, 128, 1))
KERNEL = kernel("winograd_product_s16_2x2_s32_u32", F2X2, most=66, bench=BENCH)
