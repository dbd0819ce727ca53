/* Row sums of int16 to int32. r3 sum   r4 1; the other registers: reduce.inc. 3 cycles a word. */
#include "reduce.inc"

.macro BEGIN
    mov     r3, #0
    mov     r4, #1
    mov     r6, #0
    mov     r7, #0
.endm

.macro TAKE w, before
    ldr     \w, [r0], #4
    smlatb  r3, \before, r4, r3
    smlabb  r3, \w, r4, r3
.endm

.macro END
    smlatb  r3, r6, r4, r3
    str     r3, [r1], #4
.endm

    REDUCE  reduce_sum_s16, 3*4, BEGIN, TAKE, END
