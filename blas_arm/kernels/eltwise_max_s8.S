/* Maximum of int8 arrays, four elements at once: 12 cycles a word. Registers: eltwise_max_8.inc. */
#include "eltwise_max_8.inc"

.macro BEGIN
    MAX_CONSTANTS S8
.endm

.macro TAKE
    EXTREME S8, r8, r10
.endm

    ELTWISE eltwise_max_s8, 24*4, BEGIN, TAKE, NOTHING
