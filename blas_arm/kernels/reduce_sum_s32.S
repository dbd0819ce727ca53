/* Row sums of int32 to int32. r3 sum; the other registers: reduce.inc. 2 cycles a word. */
#include "reduce.inc"

.macro BEGIN
    mov     r3, #0
    mov     r6, #0
    mov     r7, #0
.endm

.macro TAKE w, before
    ldr     \w, [r0], #4
    add     r3, r3, \before
.endm

.macro END
    add     r3, r3, r6
    str     r3, [r1], #4
.endm

    REDUCE  reduce_sum_s32, 2*4, BEGIN, TAKE, END
