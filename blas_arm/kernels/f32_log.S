/* log of float32: x = 2^e m, c about 1/m by table, z = m c - 1 exactly; e ln 2 - ln c + z(1 - z(1/2 - z(1/3 - z/4))).
 *
 * The sum has 56 binary digits after the point, so that small results keep their digits too. Four words an interval:
 * c in 1/512, -ln c - 127 ln 2 (low, high), 0; behind the 128 intervals 24 ln 2 for subnormal x. Cycles: 51 an element
 * and 4 for four of them; zero, subnormal, negative, infinite and NaN take another path.
 *
 * r4 ln 2 in Q32   r5 1/6 in Q16   r6 x, result   r8 z in Q32   r10, r11 the sum   r7, r9, r12, lr products
 */
#include "f32_math.inc"

#define AFTER (4*36)                /* from lr to the store */

.macro CONSTANTS
    PATTERN r4, 0xb17217f8
    PATTERN r5, 0x00002aab
.endm

.macro SUM
    mov     r7, r6, lsl #9
    mov     r8, r7, lsr #25
    add     r8, r2, r8, lsl #4
    mov     r7, r7, lsr #9
    orr     r7, r7, #0x00800000
    ldmia   r8, {r9-r11}
    mul     r8, r7, r9
    mov     r12, r6, lsl #1
    sub     r7, r5, r8, asr #19
    smulwb  r7, r8, r7
    and     r12, r12, #0xff000000
    rsb     r7, r7, #0x40000000     @ (1/2 - z(1/3 - z/4)) in Q31
    smull   r9, lr, r8, r7
    umlal   r10, r11, r12, r4
    smull   r7, r9, r8, lr
    rsbs    r7, r7, r8, lsl #31
    rsc     r9, r9, r8, asr #1      @ log(1 + z) in Q63
    mov     r7, r7, lsr #7
    orr     r7, r7, r9, lsl #25
    adds    r10, r10, r7
    adc     r11, r11, r9, asr #7
.endm

.macro ROUND
    eor     r10, r10, r11, asr #31
    eor     r7, r11, r11, asr #31
    clz     r8, r7
    mov     r7, r7, lsl r8
    rsb     r9, r8, #32
    orr     r7, r7, r10, lsr r9
    and     r11, r11, #0x80000000
    rsb     r8, r8, #133
    movs    r7, r7, lsr #8
    adc     r7, r7, r8, lsl #23
    cmp     r6, #0x3f800000
    orr     r6, r7, r11
    moveq   r6, #0
.endm

.macro BODY
    ldr     r6, [r0], #4
    mov     lr, pc                  @ the address of cmp
    sub     r7, r6, #0x00800000
    cmp     r7, #0x7f000000
    bhs     slow
    SUM
    ROUND
    str     r6, [r1], #4
.endm

    ELEMENTS f32_log, 40, CONSTANTS, BODY

slow:
    PATTERN r8, 0x7f800000
    movs    r7, r6, lsl #1
    beq     zero
    cmp     r6, r8
    addeq   pc, lr, #AFTER
    bhi     nan
    mov     r8, #STATE_BASE
    str     lr, [r8, #S_LINK]
    clz     r7, r6
    sub     r7, r7, #8
    mov     r6, r6, lsl r7
    bic     r6, r6, #0x00800000
    rsb     r7, r7, #25
    orr     r6, r6, r7, lsl #23     @ 2^24 x
    SUM
    add     r7, r2, #2048
    ldmia   r7, {r7, r8}
    subs    r10, r10, r7
    sbc     r11, r11, r8
    ROUND
    mov     r8, #STATE_BASE
    ldr     lr, [r8, #S_LINK]
    add     pc, lr, #AFTER

zero:
    F32_COUNT S_OVERFLOWED, r7, r9
    orr     r6, r8, #0x80000000
    add     pc, lr, #AFTER
nan:                                @ or negative
    cmp     r7, r8, lsl #1
    orr     r6, r8, #0x00400000
    addhi   pc, lr, #AFTER
    F32_COUNT S_INVALID, r7, r9
    add     pc, lr, #AFTER
