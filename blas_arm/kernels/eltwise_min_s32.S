/* Minimum of int32 arrays: 5 cycles a word. Registers: eltwise.inc. */
#include "eltwise.inc"

.macro TAKE
    PAIR
    cmp     r7, r8
    movgt   r7, r8
    str     r7, [r2], #4
    cmp     r9, r10
    movgt   r9, r10
    str     r9, [r2], #4
.endm

    ELTWISE eltwise_min_s32, 10*4, NOTHING, TAKE, NOTHING
