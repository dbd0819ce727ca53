/* Quotient of float32 arrays by the reciprocal of the divisor: two steps of Newton from a parabola.
 *
 * With d in [1/2, 1) the divisor: y = 5/2 (1.140625 - d)^2 + 0.953125 is within 1.2 % of 1/d, so that two steps
 * y (2 - d y) are below it by less than 2^-25.3; a 25-bit quotient from that is exact or one too small, and its
 * remainder tells. A quotient in the normal range is never a tie: its 25th bit rounds it.
 * r0 a   r1 b   r2 y   r3 step of b   r12 dividend   lr divisor   r8 y * 2^31, then quotient   r9 sign   r10 exponent - 1;
 * the others: f32.inc. Normal operands whose quotient cannot leave the normal range take the straight line.
 */
#include "f32.inc"

/* One step towards the reciprocal: never above it, since products are cut and mvn is one less than the complement. */
.macro STEP
    umull   r11, r7, lr, r8
    mvn     r7, r7
    umull   r11, r8, r7, r8
    mov     r8, r8, lsl #1
.endm

/* r8 = quotient of r12 / lr, both at bit 31, cut to 25 bits; r10 += 1 if it is 1 or more; r11 = the remainder, plus lr
 * where the quotient had to be mended. */
.macro QUOTIENT
    cmp     r12, lr
    movhs   r12, r12, lsr #1
    adc     r10, r10, #0
    rsb     r8, lr, #(36 << 24)
    mov     r8, r8, lsr #1
    smultt  r8, r8, r8
    eor     r9, r9, r7
    add     r8, r8, r8, lsl #2
    add     r8, r8, #(122 << 24)
    STEP
    STEP
    umull   r11, r8, r12, r8
    mov     lr, lr, lsr #8
    mov     r8, r8, lsr #6
    mul     r11, lr, r8
    and     r9, r9, r4
    rsb     r11, r11, r12, lsl #17
    cmp     r11, lr
    adc     r8, r8, #0
.endm

FUNCTION f32_div
    F32_ENTER
    ldmia   r0, {r0-r3, r7}         @ a b y count step
    mov     sp, r3
    mov     r3, r7
next:
    ldr     r7, [r0], #4
    ldr     r8, [r1], r3
    ands    r10, r6, r7, lsr #23
    andsne  r11, r6, r8, lsr #23
    teqne   r10, r6
    teqne   r11, r6
    beq     special
    sub     r10, r10, r11
    add     r10, r10, #125
    cmp     r10, #253
    bhs     special
    mov     r9, r8
    orr     r12, r4, r7, lsl #8
    orr     lr, r4, r8, lsl #8
    QUOTIENT
    movs    r7, r8, lsr #1
    adc     r7, r7, r10, lsl #23
    orr     r8, r7, r9
store:
    str     r8, [r2], #4
    subs    sp, sp, #1
    bne     next
    F32_LEAVE

special:
    eor     r9, r7, r8
    and     r9, r9, r4
    bic     r7, r7, r4
    bic     r8, r8, r4
    cmp     r7, r5
    cmpls   r8, r5
    bhi     nan
    cmp     r7, r5
    beq     1f
    cmp     r8, r5
    beq     zero
    cmp     r8, #0
    beq     2f
    cmp     r7, #0
    beq     zero
    F32_NORMAL r7, r10, r12, r11
    F32_NORMAL r8, r11, lr, r7
    sub     r10, r10, r11
    add     r10, r10, #126
    mov     r7, #0                  @ r9 has the sign
    QUOTIENT
    mov     r12, r8, lsl #7
    cmp     r11, #0
    teqne   r11, lr
    orrne   r12, r12, #1
    F32_ROUND
    F32_OVERFLOW r10, r11
    orr     r8, r8, r9
    b       store
1:  cmp     r8, r5                  @ infinity
    beq     invalid
    orr     r8, r5, r9
    b       store
2:  cmp     r7, #0                  @ divided by zero
    beq     invalid
    F32_COUNT S_OVERFLOWED, r10, r11
    orr     r8, r5, r9
    b       store
zero:
    mov     r8, r9
    b       store
invalid:
    F32_COUNT S_INVALID, r10, r11
nan:
    orr     r8, r5, #QUIET
    b       store
