/* c[i, j] += bias[i], int32, in place: eight words at a time, then four, two and one.
 *
 * r0 c   r1 bias   r2 rows left   r3 blocks left   r4-r11 words   r12 bytes from the end of a row to the next
 * sp columns   lr bias of this row
 */
#include "asm.h"

#define S_SP 0

.macro WITH_BIAS first, second
    add     \first, \first, lr
    add     \second, \second, lr
.endm

FUNCTION bias_add_s32_x8
    push    {r4-r11, lr}
    ldmia   r0, {r0-r4}             @ c bias m n ldc
    mov     r5, #STATE_BASE
    str     sp, [r5, #S_SP]
    mov     sp, r3
    sub     r12, r4, r3
    mov     r12, r12, lsl #2
row:
    ldr     lr, [r1], #4
    movs    r3, sp, lsr #3
    beq     four
eight:
    ldmia   r0, {r4-r11}
    WITH_BIAS r4, r5
    WITH_BIAS r6, r7
    WITH_BIAS r8, r9
    WITH_BIAS r10, r11
    stmia   r0!, {r4-r11}
    subs    r3, r3, #1
    bne     eight
four:
    movs    r3, sp, lsl #30         @ C: four are left, N: two
    bcc     two
    ldmia   r0, {r4-r7}
    WITH_BIAS r4, r5
    WITH_BIAS r6, r7
    stmia   r0!, {r4-r7}
two:
    bpl     one
    ldmia   r0, {r4, r5}
    WITH_BIAS r4, r5
    stmia   r0!, {r4, r5}
one:
    tst     sp, #1
    beq     next
    ldr     r4, [r0]
    add     r4, r4, lr
    str     r4, [r0], #4
next:
    subs    r2, r2, #1
    add     r0, r0, r12
    bne     row
    mov     r5, #STATE_BASE
    ldr     sp, [r5, #S_SP]
    pop     {r4-r11, pc}
