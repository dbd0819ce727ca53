/* Row sums of int32 to int64. r3, r4 sum; the other registers: reduce.inc. 3 cycles a word. */
#include "reduce.inc"

.macro BEGIN
    mov     r3, #0
    mov     r4, #0
    mov     r6, #0
    mov     r7, #0
.endm

.macro TAKE w, before
    ldr     \w, [r0], #4
    adds    r3, r3, \before
    adc     r4, r4, \before, asr #31
.endm

.macro END
    adds    r3, r3, r6
    adc     r4, r4, r6, asr #31
    str     r3, [r1], #4
    str     r4, [r1], #4
.endm

    REDUCE  reduce_sum_s32_s64, 3*4, BEGIN, TAKE, END
