/* int64 sums to s8 outputs, rounded half to even; operands and registers are drawn in requantize_wide.inc. */
#include "asm.h"
#include "requantize_wide.inc"

    REQUANTIZE_WIDE requantize_s64_s8, strb
