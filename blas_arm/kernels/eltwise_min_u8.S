/* Minimum of uint8 arrays, four elements at once: 11 cycles a word. Registers: eltwise_max_8.inc. */
#include "eltwise_max_8.inc"

.macro BEGIN
    MAX_CONSTANTS U8
.endm

.macro TAKE
    EXTREME U8, r7, r9
.endm

    ELTWISE eltwise_min_u8, 22*4, BEGIN, TAKE, NOTHING
