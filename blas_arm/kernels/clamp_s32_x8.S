/* x[i] = min(max(x[i], low), high), int32, in place: eight words at a time, then four, two and one.
 *
 * r0 x   r1 elements   r2 low   r3 high   r4-r11 words   r12 blocks left
 */
#include "asm.h"

.macro CLAMP first, second
    cmp     \first, r2
    movlt   \first, r2
    cmp     \first, r3
    movgt   \first, r3
    cmp     \second, r2
    movlt   \second, r2
    cmp     \second, r3
    movgt   \second, r3
.endm

FUNCTION clamp_s32_x8
    push    {r4-r11, lr}
    ldmia   r0, {r0-r3}             @ x n low high
    movs    r12, r1, lsr #3
    beq     four
eight:
    ldmia   r0, {r4-r11}
    CLAMP   r4, r5
    CLAMP   r6, r7
    CLAMP   r8, r9
    CLAMP   r10, r11
    stmia   r0!, {r4-r11}
    subs    r12, r12, #1
    bne     eight
four:
    tst     r1, #4
    beq     two
    ldmia   r0, {r4-r7}
    CLAMP   r4, r5
    CLAMP   r6, r7
    stmia   r0!, {r4-r7}
two:
    tst     r1, #2
    beq     one
    ldmia   r0, {r4, r5}
    CLAMP   r4, r5
    stmia   r0!, {r4, r5}
one:
    tst     r1, #1
    beq     done
    ldr     r4, [r0]
    cmp     r4, r2
    movlt   r4, r2
    cmp     r4, r3
    movgt   r4, r3
    str     r4, [r0]
done:
    pop     {r4-r11, pc}
