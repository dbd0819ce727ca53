/* Softmax of float32 rows: exp(x - max), pairwise sum, quotient, each rounded as IEEE 754 says.
 *
 * Four passes over a row: maximum and a look for NaN; difference and exp (the core of f32_math.inc); the sums, kept on a
 * stack with one entry for each bit of the index, so that equal blocks meet; the quotient by one reciprocal of the sum,
 * corrected by its exact remainder. The difference drops what is below 2^-60: exp gives 1 there.
 *
 * r0 x or y, walking   r1 y   r2 table of exp   r3 columns left   rest by pass; sp 2^31 in the second pass
 * Cycles: 184 an element, 230 a row. Powers below 2^-125 and quotients near it take longer.
 */
#include "f32_math.inc"

#define S_X       8
#define S_Y      12
#define S_ROWS   16
#define S_N      20
#define S_TOP    24
#define S_TREE   32

/* r10 = mantissa at the top of r10 (24 bits and what follows) rounded half to even, under the exponent in r11. */
.macro NEAREST low
    mov     \low, r10, lsl #24
    cmp     \low, #0x80000000
    adc     r10, r11, r10, lsr #8
    biceq   r10, r10, #1
.endm

/* r10 / sum to 27 bits, its first at the top of r10 and what is left as its last; r12 how far it was moved. */
.macro DIVIDE
    umull   r8, r9, r10, r5
    mov     r9, r9, lsr #5
    mul     r8, r9, r4
    rsb     r8, r8, r10, lsl #17    @ the exact remainder
    cmp     r8, r4
    subhs   r8, r8, r4
    addhs   r9, r9, #1
    mov     r8, r8, lsl #1
    cmp     r8, r4
    subhs   r8, r8, r4
    adc     r9, r9, r9
    clz     r12, r9
    mov     r10, r9, lsl r12
    cmp     r8, #0
    orrne   r10, r10, #1
.endm

FUNCTION f32_softmax
    push    {r4-r11, lr}
    mov     r12, #STATE_BASE
    str     sp, [r12, #S_SP]
    ldr     r2, [r0, #F32_SOFTMAX_EXP_TABLE]
    ldr     r3, [r0, #F32_SOFTMAX_COLUMNS]
    ldr     r4, [r0, #F32_SOFTMAX_ROWS]
    ldr     r1, [r0, #F32_SOFTMAX_Y]
    ldr     r0, [r0, #F32_SOFTMAX_X]
    str     r3, [r12, #S_N]
    str     r4, [r12, #S_ROWS]

row:
    str     r0, [r12, #S_X]
    str     r1, [r12, #S_Y]
    mov     r4, #0x80000000         @ maximum, as an integer in the order of the numbers
    mov     r5, #0                  @ largest magnitude
1:  ldr     r6, [r0], #4
    subs    r3, r3, #1
    mov     r7, r6, asr #31
    eor     r7, r6, r7, lsr #1
    bic     r6, r6, #0x80000000
    cmp     r7, r4
    movgt   r4, r7
    cmp     r6, r5
    movhi   r5, r6
    cmp     r3, #0
    bne     1b
    mov     r7, r4, asr #31
    eor     r4, r4, r7, lsr #1
    PATTERN r6, 0x7f800000
    bic     r7, r4, #0x80000000
    ldr     r3, [r12, #S_N]
    cmp     r5, r6
    bhi     nan
    cmp     r7, r6
    bhs     invalid
    str     r4, [r12, #S_TOP]

    ldr     r0, [r12, #S_X]
    EXP_CONSTANTS
2:  ldr     r9, [r0], #4
    mov     r8, #STATE_BASE
    ldr     r8, [r8, #S_TOP]
    mov     r12, #0x40000000
    eor     lr, r9, r8              @ negative: the magnitudes are added
    mov     r9, r9, lsl #1
    mov     r8, r8, lsl #1
    cmp     r9, r8
    movhs   r10, r9                 @ the larger magnitude
    movhs   r9, r8
    movlo   r10, r8
    mov     r11, r10, lsr #24
    cmp     r11, #64
    movlo   r11, #64
    mov     r10, r10, lsl #8
    orr     r10, r12, r10, lsr #2
    mov     r8, r9, lsl #8
    orr     r8, r12, r8, lsr #2
    sub     r12, r11, r9, lsr #24
    mov     r9, r8, lsr r12
    cmp     r8, r9, lsl r12
    orrne   r9, r9, #1              @ what was cut off
    cmp     lr, #0
    addmi   r10, r10, r9
    subpl   r10, r10, r9
    clz     r12, r10
    mov     r10, r10, lsl r12
    sub     r11, r11, r12
    cmp     r12, #32
    moveq   r11, #0
    mov     r11, r11, lsl #23
    NEAREST r9
    mov     r9, r10
    cmp     r10, r4
    bhi     small
    EXP_CORE minus
    add     lr, lr, #126
    add     r9, r9, r12
    movs    r9, r9, lsr #7
    adc     r9, r9, lr, lsl #23
3:  subs    r3, r3, #1
    str     r9, [r1], #4
    bne     2b

    mov     r12, #STATE_BASE        @ the sums: r3 index, r5 stack, r4 its columns
    ldr     r4, [r12, #S_N]
    ldr     r0, [r12, #S_Y]
    add     r5, r12, #S_TREE
4:  ldr     r10, [r0], #4
    mov     r6, r3
5:  movs    r6, r6, lsr #1
    bcs     meet
    add     r3, r3, #1
    cmp     r3, r4
    str     r10, [r5], #4
    bne     4b
    sub     r5, r5, #4              @ the last blocks, smallest first
    mvn     r6, #0
    add     r12, r12, #S_TREE
    cmp     r5, r12
    bne     meet
sum:
    mov     r12, #STATE_BASE
    ldr     r0, [r12, #S_Y]
    mov     r6, r10, lsr #23        @ exponent field of the sum
    bic     r4, r10, #0xff000000
    orr     r4, r4, #0x00800000
    mov     r8, #0x00800000         @ floor(2^54 / r4), one bit at a time
    mov     r5, #0
    .rept 31
    cmp     r8, r4
    subhs   r8, r8, r4
    adc     r5, r5, r5
    mov     r8, r8, lsl #1
    .endr
    cmp     r8, r4
    adc     r5, r5, r5
    rsb     r6, r6, #131            @ what an exponent gains, and 4
    rsb     r7, r6, #6
    mov     r7, r7, lsl #23         @ below this a quotient may be subnormal
6:  ldr     r9, [r0]
    mov     r8, #0x80000000
    cmp     r9, r7
    add     r11, r6, r9, lsr #23
    orr     r10, r8, r9, lsl #8
    blt     tiny
    DIVIDE
    sub     r11, r11, r12
    mov     r11, r11, lsl #23
    NEAREST r9
7:  subs    r3, r3, #1
    str     r10, [r0], #4
    bne     6b
next:
    mov     r12, #STATE_BASE
    ldr     r4, [r12, #S_ROWS]
    ldr     r0, [r12, #S_X]
    ldr     r3, [r12, #S_N]
    subs    r4, r4, #1
    str     r4, [r12, #S_ROWS]
    add     r0, r0, r3, lsl #2
    bne     row
    ldr     sp, [r12, #S_SP]
    pop     {r4-r11, pc}

invalid:                            @ infinite maximum
    F32_COUNT S_INVALID, r8, r9, r3
nan:
    orr     r6, r6, #0x00400000
1:  str     r6, [r1], #4
    subs    r3, r3, #1
    bne     1b
    b       next

small:                              @ a power below 2^-125
    PATTERN r11, 0x42d00000
    cmp     r10, r11
    mov     r9, r10
    movhs   r9, #0
    bhs     3b
    EXP_CORE minus
    add     r9, r9, r12
    adds    r11, lr, #126
    bmi     1f
    movs    r9, r9, lsr #7
    adc     r9, r9, r11, lsl #23
    b       3b
1:  rsb     r11, r11, #6
    mov     r9, r9, lsr r11
    add     r9, r9, #1
    mov     r9, r9, lsr #1
    b       3b

meet:                               @ r10 = the entry below plus r10: both positive, subnormal or zero
    ldr     r9, [r5, #-4]!
    mov     r8, #0x40000000
    cmp     r10, r9
    movlo   r7, r10
    movlo   r10, r9
    movlo   r9, r7
    movs    r11, r10, lsr #23
    mov     r10, r10, lsl #9
    mov     r10, r10, lsr #2
    orrne   r10, r10, r8
    moveq   r11, #1
    movs    r7, r9, lsr #23
    mov     r9, r9, lsl #9
    mov     r9, r9, lsr #2
    orrne   r9, r9, r8
    moveq   r7, #1
    sub     r7, r11, r7
    mov     r8, r9, lsr r7
    cmp     r9, r8, lsl r7
    orrne   r8, r8, #1
    adds    r10, r10, r8
    movpl   r10, r10, lsl #1
    subpl   r11, r11, #1
    mov     r11, r11, lsl #23
    NEAREST r9
    cmp     r6, #0
    bpl     5b
    cmp     r5, r12
    bne     meet
    b       sum

tiny:                               @ a quotient that may be subnormal, or zero
    cmp     r9, #0
    moveq   r10, #0
    beq     7b
    cmp     r9, #0x00800000
    bhs     1f
    clz     r10, r9
    mov     r10, r9, lsl r10        @ subnormal: its first bit to the top
    clz     r11, r9
    rsb     r11, r11, #9
    add     r11, r11, r6
1:  DIVIDE
    sub     r11, r11, r12
    adds    r11, r11, #1            @ exponent field of the quotient
    subgt   r11, r11, #1
    movgt   r11, r11, lsl #23
    bgt     2f
    rsb     r11, r11, #9
    mov     r9, r10, lsr r11
    rsb     r12, r11, #32
    cmp     r11, #32
    mov     r8, r10, lsl r12
    movhi   r8, #0
    cmp     r8, #0x80000000
    adc     r10, r9, #0
    biceq   r10, r10, #1
    b       7b
2:  NEAREST r9
    b       7b
