/* int32 sums to s8 outputs, rounded half to even; operands, registers and paths are drawn in requantize.inc. */
#include "asm.h"
#include "requantize.inc"

    REQUANTIZE requantize_s32_s8_x16, strb, 1
