/* y = (a x + b y) / 2^shift on int16 mantissas, rounded half to even, clamped and counted; a word of two a step.
 *
 * r0 x   r1 y   r2 rounds   r3 a | b << 16   r4 shift   r5 32 - shift   r6 0x7fffffff   r7 0x7fff   r8 clamped
 * r9, r10 words   r11 sum, then the bits shifted out   r12 q   lr saturated
 */
#include "bfp16.inc"

.macro ELEMENT half
    smul\half\()b r11, r9, r3
    smla\half\()t r11, r10, r3, r11
    mov     r12, r11, asr r4
    mov     r11, r11, lsl r5
    ROUND   r12, r11, r6
    CLAMP   r12, r11, r7, r8
    strh    r12, [r1], #2
.endm
#define STEP_BYTES 104

FUNCTION bfp16_axpy
    push    {r4-r11, lr}
    ldmia   r0, {r0-r5}             @ x y saturated pairs factors shift
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
    ldr     r10, [r1]
    ELEMENT b
    ELEMENT t
    .endr
    subs    r2, r2, #1
    bne     1b
    str     r8, [lr]
    pop     {r4-r11, pc}
