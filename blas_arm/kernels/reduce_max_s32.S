/* Row maxima of int32. r3 maximum; the other registers: reduce.inc. 3 cycles a word. */
#include "reduce.inc"

.macro BEGIN
    mov     r3, #0x80000000
    mov     r6, #0x80000000
    mov     r7, #0x80000000
.endm

.macro TAKE w, before
    ldr     \w, [r0], #4
    cmp     r3, \before
    movlt   r3, \before
.endm

.macro END
    cmp     r3, r6
    movlt   r3, r6
    str     r3, [r1], #4
.endm

    REDUCE  reduce_max_s32, 3*4, BEGIN, TAKE, END
