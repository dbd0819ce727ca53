/* Depthwise 3x3, int16 planes to bytes, stride 2, any multiplier: operands, registers and code in depthwise_3x3.inc. */
#define NAME depthwise_3x3_s16_u8_s2_wide
#define STRIDE 2
#define WIDE 1
#include "depthwise_3x3.inc"
