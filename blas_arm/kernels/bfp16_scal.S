/* y = a x / 2^shift on int16 mantissas, rounded half to even, clamped and counted; a word of two a step.
 *
 * r0 x   r1 y   r2 rounds   r3 a   r4 shift   r5 32 - shift   r6 0x7fffffff   r7 0x7fff   r8 clamped
 * r9 word   r10 product of the upper half   r11 product, then the bits shifted out   r12 q   lr saturated
 */
#include "bfp16.inc"

.macro ELEMENT product
    mov     r12, \product, asr r4
    mov     \product, \product, lsl r5
    ROUND   r12, \product, r6
    CLAMP   r12, \product, r7, r8
    strh    r12, [r1], #2
.endm
#define STEP_BYTES 92

FUNCTION bfp16_scal
    push    {r4-r11, lr}
    ldmia   r0, {r0-r5}             @ x y saturated pairs factor shift
    mov     lr, r2
    mov     r2, r3
    mov     r3, r4
    mov     r4, r5
    ENTRY   r2, r9, r10, 1f, STEP_BYTES
    rsb     r5, r4, #32
    mvn     r6, #0x80000000
    mov     r7, r6, lsr #16
    mov     r8, #0
    bx      r9
1:
    .rept 4
    ldr     r9, [r0], #4
    smulbb  r11, r9, r3
    smultb  r10, r9, r3
    ELEMENT r11
    ELEMENT r10
    .endr
    subs    r2, r2, #1
    bne     1b
    str     r8, [lr]
    pop     {r4-r11, pc}
