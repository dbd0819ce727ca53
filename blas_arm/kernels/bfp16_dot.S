/* Dot product of int16 mantissas in 64 bits, two products a step, unrolled 16 times; two sums in turn.
 *
 * A step loads its words while it multiplies those of the step before: the first one multiplies zeros.
 *
 * r0 x   r1 y   r2 z   r3 rounds   r4:r5, r6:r7 sums   r8, r9 and r10, r11 words in turn
 */
#include "bfp16.inc"

.macro STEP x, y, x0, y0
    ldr     \x, [r0], #4
    smlalbb r4, r5, \x0, \y0
    ldr     \y, [r1], #4
    smlaltt r6, r7, \x0, \y0
.endm
#define STEP_BYTES 16

FUNCTION bfp16_dot
    push    {r4-r11, lr}
    ldmia   r0, {r0-r3}             @ x y z pairs
    ENTRY   r3, r12, r11, 1f, STEP_BYTES, 4
    mov     r4, #0
    mov     r5, #0
    mov     r6, #0
    mov     r7, #0
    mov     r8, #0
    mov     r9, #0
    mov     r10, #0
    mov     r11, #0
    bx      r12
1:
    .rept 8
    STEP    r8, r9, r10, r11
    STEP    r10, r11, r8, r9
    .endr
    subs    r3, r3, #1
    bne     1b
    smlalbb r4, r5, r10, r11
    smlaltt r6, r7, r10, r11
    adds    r4, r4, r6
    adc     r5, r5, r7
    stmia   r2, {r4, r5}
    pop     {r4-r11, pc}
