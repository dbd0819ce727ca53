/* tanh of float32: one quartic for each sixteenth of an octave, in 31-bit fixed point.
 *
 * Four words an interval: c0, c1, c2, and c3 whose low half is c4. Cycles: 39 an element and 4 for four of them;
 * below 2^-12, from 9.5 on and for NaN another path takes fewer.
 *
 * r4 2^-12   r5 span of the patterns   r6 x, sign   r7 |x|, exponent   r8 d in Q31, from the right end   r9-r12 coefficients   lr low words
 */
#include "f32_math.inc"

#define AFTER (4*26)                /* from lr to the store */

.macro CONSTANTS
    PATTERN r4, 0x39800000
    PATTERN r5, 0x07980000
.endm

.macro BODY
    ldr     r6, [r0], #4
    mov     lr, pc                  @ the address of sub
    bic     r7, r6, #0x80000000
    sub     r8, r7, r4
    cmp     r8, r5
    bhs     slow
    mov     r9, r8, lsr #19
    add     r9, r2, r9, lsl #4
    mvn     r8, r6, lsl #13
    ldmia   r9, {r9-r12}
    mov     r8, r8, lsr #1
    smlawb  r12, r8, r12, r12
    mov     r7, r7, lsr #23
    smull   lr, r12, r8, r12
    cmp     r7, #126
    add     r11, r11, r12, asr #3
    smull   lr, r12, r8, r11
    movgt   r7, #126                @ from 1 on the values are tanh itself, not halved by octaves
    add     r10, r10, r12, asr #4
    smull   lr, r12, r8, r10
    and     r6, r6, #0x80000000
    add     r9, r9, r12, asr #3
    cmp     r9, #0x40000000
    movlo   r9, r9, lsl #1
    sublo   r7, r7, #1
    movs    r9, r9, lsr #7
    adc     r9, r9, r7, lsl #23
    sub     r9, r9, #0x00800000
    orr     r6, r6, r9
    str     r6, [r1], #4
.endm

    ELEMENTS f32_tanh, 30, CONSTANTS, BODY

slow:
    cmp     r7, r4
    addlo   pc, lr, #AFTER
    PATTERN r8, 0x7f800000
    cmp     r7, r8
    and     r6, r6, #0x80000000
    orrls   r6, r6, #0x3f800000
    movhi   r6, #0x7f000000
    orrhi   r6, r6, #0x00c00000
    add     pc, lr, #AFTER
