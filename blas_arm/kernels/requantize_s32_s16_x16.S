/* int32 sums to s16 outputs, rounded half to even; operands, registers and paths are drawn in requantize.inc. */
#include "asm.h"
#include "requantize.inc"

    REQUANTIZE requantize_s32_s16_x16, strh, 1
