/* Winograd F(2x4,3x3) input transform of NHWC pixels, s8: see winograd_input_2x4.inc. */
#include "asm.h"
#include "winograd_input_2x4.inc"

WINOGRAD_INPUT winograd_input_s8_2x4, ldrsb
