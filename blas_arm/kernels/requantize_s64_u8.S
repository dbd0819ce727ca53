/* int64 sums to u8 outputs, rounded half to even; operands and registers are drawn in requantize_wide.inc. */
#include "asm.h"
#include "requantize_wide.inc"

    REQUANTIZE_WIDE requantize_s64_u8, strb
