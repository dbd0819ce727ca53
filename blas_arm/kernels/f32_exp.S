/* exp of float32: k = floor(64 x log2 e), r = x - k ln(2)/64 in fixed point, 2^(k/64) by table times a cubic in r.
 *
 * The table has 64 words, 2^(j/64) in Q30. Cycles: 45 an element and 4 for four of them. Beyond +-87 another path takes
 * up to 40 more.
 *
 * r9 x, result   r8, r10-r12, lr the core's   constants: EXP_CONSTANTS
 */
#include "f32_math.inc"

#define AFTER (4*28)                /* from lr to the store */

.macro BODY
    ldr     r9, [r0], #4
    mov     lr, pc                  @ the address of cmp
    bic     r10, r9, #0x80000000
    cmp     r10, r4
    bhi     slow
    EXP_CORE sign
    add     lr, lr, #126
    add     r9, r9, r12             @ y
    movs    r9, r9, lsr #7
    adc     r9, r9, lr, lsl #23
    str     r9, [r1], #4
.endm

    ELEMENTS f32_exp, 32, EXP_CONSTANTS, BODY

slow:
    PATTERN r11, 0x42d00000
    cmp     r10, r11
    bhs     2f
    mov     r8, #STATE_BASE
    str     lr, [r8, #S_LINK]
    EXP_CORE sign
    add     r9, r9, r12
    mov     r12, #STATE_BASE
    ldr     r12, [r12, #S_LINK]
    cmp     lr, #127
    movgt   lr, r12
    bgt     overflow
    adds    r11, lr, #126
    bmi     1f
    movs    r9, r9, lsr #7
    adc     r9, r9, r11, lsl #23
    add     pc, r12, #AFTER
1:  rsb     r11, r11, #6            @ -120 - n
    mov     r9, r9, lsr r11
    add     r9, r9, #1
    mov     r9, r9, lsr #1
    add     pc, r12, #AFTER
2:  PATTERN r11, 0x7f800000
    cmp     r10, r11
    bhi     3f
    cmp     r9, #0
    movmi   r9, #0
    addmi   pc, lr, #AFTER
    cmp     r9, r11
    addeq   pc, lr, #AFTER
overflow:
    F32_COUNT S_OVERFLOWED, r8, r10
    PATTERN r9, 0x7f800000
    add     pc, lr, #AFTER
3:  PATTERN r9, 0x7fc00000
    add     pc, lr, #AFTER
