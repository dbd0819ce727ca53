/* Depthwise 3x3, int16 planes to bytes, stride 1: operands, registers and code in depthwise_3x3.inc. */
#define NAME depthwise_3x3_s16_u8_s1
#define STRIDE 1
#define WIDE 0
#include "depthwise_3x3.inc"
