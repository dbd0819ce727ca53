/* Logistic function of float32: u = exp(-|x|), then u/(1+u) or 1/(1+u) by a reciprocal.
 *
 * The reciprocal: a guess g out of 128, e = 1 - (1+u) g, g (1+e)(1+e^2), which leaves e^4 < 2^-32. The table has the 64
 * words of exp, then the 128 guesses in Q32. Cycles: 81 an element and 4 for four of them; beyond +-87 other paths.
 *
 * r9 x, y   lr n   r10 1+u, e   r11 guess   r8 high words   r12 low words   constants: EXP_CONSTANTS
 */
#include "f32_math.inc"

#define AFTER (4*53)                /* from lr to the store */

.macro BODY
    ldr     r9, [r0], #4
    mov     lr, pc                  @ the address of cmp
    bic     r10, r9, #0x80000000
    cmp     r10, r4
    bhi     slow
    EXP_CORE minus
    mvn     r10, lr
    add     r9, r9, r12             @ y
    mov     r10, r9, lsr r10
    add     r10, r10, sp            @ 1 + u in Q31
    mov     r11, r10, lsr #24
    add     r11, r2, r11, lsl #2
    ldr     r11, [r11, #-256]
    add     lr, lr, #126
    umull   r12, r8, r10, r11
    mov     r9, r9, lsl #1
    rsb     r10, r8, sp             @ e in Q31
    mov     r8, r10, lsl #2
    smull   r12, r8, r10, r8        @ 2 e^2
    add     r10, r10, sp
    umull   r12, r8, r10, r8
    ldr     r12, [r0, #-4]
    add     r10, r10, r8
    umull   r8, r11, r10, r11       @ 1 / (1 + u) in Q31
    cmp     r12, #0
    movge   r9, #0x80000000
    movge   lr, #126
    umull   r12, r8, r9, r11
    cmp     lr, #125
    rsbeq   r8, r11, sp             @ minus sign, n = -1: 1 - 1/(1+u) keeps the order of near results
    cmp     r8, #0x40000000
    movlo   r8, r8, lsl #1
    sublo   lr, lr, #1
    movs    r9, r8, lsr #7
    adc     r9, r9, lr, lsl #23
    str     r9, [r1], #4
.endm

    ELEMENTS f32_sigmoid, 57, EXP_CONSTANTS, BODY

slow:
    PATTERN r11, 0x7f800000
    cmp     r10, r11
    orrhi   r9, r11, #0x00400000
    bhi     1f
    cmp     r9, #0
    movge   r9, #0x3f800000
    bge     1f
    PATTERN r11, 0x42d00000
    cmp     r10, r11
    movhs   r9, #0
    bhs     1f
    mov     r8, #STATE_BASE
    str     lr, [r8, #S_LINK]
    EXP_CORE minus
    add     r9, r9, r12
    mov     r12, #STATE_BASE
    adds    r11, lr, #126
    ldr     lr, [r12, #S_LINK]
    bmi     2f
    movs    r9, r9, lsr #7
    adc     r9, r9, r11, lsl #23
    b       1f
2:  rsb     r11, r11, #6            @ -120 - n
    mov     r9, r9, lsr r11
    add     r9, r9, #1
    mov     r9, r9, lsr #1
1:  add     pc, lr, #AFTER
