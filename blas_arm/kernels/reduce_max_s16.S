/* Row maxima of int16. A word compares by its upper half; the lower one only chooses among equal ones.
 * r3 maximum in its upper half; the other registers: reduce.inc. 5 cycles a word.
 */
#include "reduce.inc"

.macro BEGIN
    mov     r3, #0x80000000
    mov     r6, #0x8000
    mov     r7, #0x8000
.endm

.macro TAKE w, before
    ldr     \w, [r0], #4
    cmp     r3, \before, lsl #16
    movlt   r3, \before, lsl #16
    cmp     r3, \w
    movlt   r3, \w
.endm

.macro END
    cmp     r3, r6, lsl #16
    movlt   r3, r6, lsl #16
    mov     r3, r3, lsr #16
    strh    r3, [r1], #2
.endm

    REDUCE  reduce_max_s16, 5*4, BEGIN, TAKE, END
