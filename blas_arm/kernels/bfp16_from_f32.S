/* float32 to int16 mantissas at a given exponent e, two elements a step; clamped and lost ones are counted.
 *
 * With the exponent field E, s = 158 + e - E and the fraction as a word M (leading one on top): |q| = rhe(M / 2^s).
 * Below 16 any s clamps, as 15 does; a shift beyond 32 leaves nothing, as it should. e >= -125 makes subnormals round to
 * zero, whatever their M; infinities and NaN have s <= 0 and are clamped by their sign.
 *
 * r0 x   r1 q   r2 end of x   r3 158 + e   r4 0x7fffffff   r5 lost   r6 0x7fff   r7 clamped   r8, r9 elements
 * r10 M, then the bits shifted out   r11 q   r12, lr scratch.  State block: counts.
 */
#include "bfp16.inc"

.macro ELEMENT x
    movs    r12, \x, lsl #1
    subeq   r5, r5, #1
    sub     r12, r3, r12, lsr #24
    mov     r10, \x, lsl #8
    cmp     r12, #16
    movlt   r12, #15
    orr     r10, r10, #0x80000000
    rsb     lr, r12, #32
    mov     r11, r10, lsr r12
    mov     r10, r10, lsl lr
    ROUND   r11, r10, r4
    rsbs    lr, r11, #0             @ carry: q = 0
    adc     r5, r5, #0
    cmp     \x, #0
    rsblt   r11, r11, #0
    CLAMP   r11, lr, r6, r7
    strh    r11, [r1], #2
.endm

FUNCTION bfp16_from_f32
    push    {r4-r11, lr}
    ldmia   r0, {r0-r4}             @ x q counts pairs bias
    mov     r5, #STATE_BASE
    str     r2, [r5]
    add     r2, r0, r3, lsl #3
    mov     r8, r3
    mov     r3, r4
    mvn     r4, #0x80000000
    mov     r6, r4, lsr #16
    mov     r5, #0
    mov     r7, #0
    tst     r8, #1
    beq     1f
    ldmia   r0!, {r8, r9}
    ELEMENT r8
    ELEMENT r9
    cmp     r0, r2
    beq     2f
1:
    .rept 2
    ldmia   r0!, {r8, r9}
    ELEMENT r8
    ELEMENT r9
    .endr
    cmp     r0, r2
    bne     1b
2:  mov     r0, #STATE_BASE
    ldr     r0, [r0]
    str     r7, [r0]
    str     r5, [r0, #4]
    pop     {r4-r11, pc}
