/* y = clamp(zp + rhe(((a - za) * ma + (b - zb) * mb) / 2^20)), unsigned bytes; drawn in residual_add.inc. */
#include "asm.h"
#include "residual_add.inc"

    RESIDUAL_ADD residual_add_u8_x16, 0
