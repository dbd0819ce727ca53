/* Row maxima of int8. A word compares by its top byte; the bytes below it only choose among equal ones.
 * r3 maximum in its top byte; the other registers: reduce.inc. 9 cycles a word.
 */
#include "reduce.inc"

.macro BEGIN
    mov     r3, #0x80000000
    mov     r6, #0x80
    mov     r7, #0x80
.endm

.macro TAKE w, before
    ldr     \w, [r0], #4
    cmp     r3, \before, lsl #24
    movlt   r3, \before, lsl #24
    cmp     r3, \w, lsl #16
    movlt   r3, \w, lsl #16
    cmp     r3, \w, lsl #8
    movlt   r3, \w, lsl #8
    cmp     r3, \w
    movlt   r3, \w
.endm

.macro END
    cmp     r3, r6, lsl #24
    movlt   r3, r6, lsl #24
    mov     r3, r3, lsr #24
    strb    r3, [r1], #1
.endm

    REDUCE  reduce_max_s8, 9*4, BEGIN, TAKE, END
