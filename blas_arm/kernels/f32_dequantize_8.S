/* Bytes to float32 by a table of 256 results: eight elements at a time, 3.75 cycles an element.
 *
 * r0 x   r1 y   r2 table   r3 mask of a byte times 4   r4-r11 results   r12 elements left   lr word
 */
#include "asm.h"

.macro FOUR a, b, c, d
    and     \a, r3, lr, lsl #2
    and     \b, r3, lr, lsr #6
    and     \c, r3, lr, lsr #14
    and     \d, r3, lr, lsr #22
    ldr     \a, [r2, \a]
    ldr     \b, [r2, \b]
    ldr     \c, [r2, \c]
    ldr     \d, [r2, \d]
.endm

FUNCTION f32_dequantize_8
    push    {r4-r11, lr}
    ldmia   r0, {r0-r2, r12}        @ x y table count
    mov     r3, #0x3fc
    subs    r12, r12, #8
    blo     rest
    ldr     lr, [r0], #4
eight:
    FOUR    r4, r5, r6, r7
    ldr     lr, [r0], #4
    FOUR    r8, r9, r10, r11
    subs    r12, r12, #8
    ldrhs   lr, [r0], #4
    stmia   r1!, {r4-r11}
    bhs     eight
rest:
    adds    r12, r12, #8
    beq     done
one:
    ldrb    r4, [r0], #1
    subs    r12, r12, #1
    ldr     r4, [r2, r4, lsl #2]
    str     r4, [r1], #4
    bne     one
done:
    pop     {r4-r11, pc}
