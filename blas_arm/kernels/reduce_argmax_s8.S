/* First position of every row's maximum, int8.
 *
 * The maximum is kept in a top byte with ones below it: no equal value can be greater, so the first one stays.
 * r3 maximum   r4 address behind the word of the maximum, plus its byte   r5 0x00ffffff; the others: reduce.inc.
 * 13 cycles a word.
 */
#include "reduce.inc"

.macro BEGIN
    mvn     r5, #0xff000000
    orr     r3, r5, #0x80000000
    mov     r6, #0x80000000
    mov     r7, #0x80000000
    add     r4, r0, #4
.endm

.macro TAKE w, before
    ldr     \w, [r0], #4
    cmp     r3, \before
    orrlt   r3, r5, \before
    sublt   r4, r0, #1
    cmp     r3, \w, lsl #24
    orrlt   r3, r5, \w, lsl #24
    movlt   r4, r0
    cmp     r3, \w, lsl #16
    orrlt   r3, r5, \w, lsl #16
    addlt   r4, r0, #1
    cmp     r3, \w, lsl #8
    orrlt   r3, r5, \w, lsl #8
    addlt   r4, r0, #2
.endm

.macro END
    cmp     r3, r6
    addlt   r4, r0, #3
    sub     r4, r4, #4
    sub     r4, r4, r12
    str     r4, [r1], #4
.endm

    REDUCE  reduce_argmax_s8, 13*4, BEGIN, TAKE, END
