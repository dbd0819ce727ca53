/* First position of every row's maximum, int32.
 * r3 maximum   r4 address behind it; the other registers: reduce.inc. 4 cycles a word.
 */
#include "reduce.inc"

.macro BEGIN
    mov     r3, #0x80000000
    mov     r6, #0x80000000
    mov     r7, #0x80000000
    add     r4, r0, #4
.endm

.macro TAKE w, before
    ldr     \w, [r0], #4
    cmp     r3, \before
    movlt   r3, \before
    sublt   r4, r0, #4
.endm

.macro END
    cmp     r3, r6
    movlt   r4, r0
    sub     r4, r4, #4
    sub     r4, r4, r12
    mov     r4, r4, lsr #2
    str     r4, [r1], #4
.endm

    REDUCE  reduce_argmax_s32, 4*4, BEGIN, TAKE, END
