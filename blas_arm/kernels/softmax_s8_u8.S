/* y[i,:] = softmax(x[i,:]) in 1/256, int8 to uint8, with a table of 2^22 exp(-d * scale) for d = max - x.
 *
 * Rows are padded to whole words by -128. Three passes over a row: its maximum (a word compares by its top byte, the
 * bytes below only break ties), the sum of the table, then e * R with R = 2^31 / (sum / 64) by shift and subtract.
 * A byte plus 128, times 4, is the distance below `base` = &lut[max + 128] in the table. What the padding adds to the
 * sum is taken off; what it writes stays in the padding.
 *
 * r0 x   r1 y   r2 base   r3 0x80808080   r4 0x3fc   r5 maximum, sum, R   r6 one half   r7 word
 * r8-r11 indices and exponentials   r12 rounds left   lr state block
 */
#include "asm.h"

#define UNROLL 4

#define S_PITCH   0 /* | one LDM */
#define S_ROUNDS  4 /* | */
#define S_LUT     8 /* address of lut[128] */
#define S_ROWS   12 /* rows left */
#define S_PADS   16 /* bytes of padding in a row */
#define S_MAX    20 /* where the three passes enter their bodies */
#define S_SUM    24
#define S_SCALE  28

/* Maximum of a word; the last byte of the word before is still to be done, which hides the load. */
.macro GREATEST w, before
    ldr     \w, [r0], #4
    cmp     r5, \before, lsl #24
    movlt   r5, \before, lsl #24
    cmp     r5, \w
    movlt   r5, \w
    cmp     r5, \w, lsl #8
    movlt   r5, \w, lsl #8
    cmp     r5, \w, lsl #16
    movlt   r5, \w, lsl #16
.endm

/* Sum of a word; r11 is the last exponential of the word before. */
.macro SUM
    ldr     r7, [r0], #4
    add     r5, r5, r11
    eor     r7, r7, r3
    and     r8, r4, r7, lsl #2
    and     r9, r4, r7, lsr #6
    ldr     r10, [r2, -r8]
    and     r8, r4, r7, lsr #14
    ldr     r6, [r2, -r9]
    and     r9, r4, r7, lsr #22
    ldr     r8, [r2, -r8]
    add     r5, r5, r10
    ldr     r11, [r2, -r9]
    add     r5, r5, r6
    add     r5, r5, r8
.endm

.macro SCALE
    ldr     r7, [r0], #4
    eor     r7, r7, r3
    and     r8, r4, r7, lsl #2
    and     r9, r4, r7, lsr #6
    ldr     r8, [r2, -r8]
    and     r10, r4, r7, lsr #14
    ldr     r9, [r2, -r9]
    and     r11, r4, r7, lsr #22
    smlawb  r8, r8, r5, r6
    ldr     r10, [r2, -r10]
    smlawb  r9, r9, r5, r6
    ldr     r11, [r2, -r11]
    mov     r8, r8, lsr #13
    strb    r8, [r1], #1
    smlawb  r10, r10, r5, r6
    mov     r9, r9, lsr #13
    strb    r9, [r1], #1
    smlawb  r11, r11, r5, r6
    mov     r10, r10, lsr #13
    strb    r10, [r1], #1
    mov     r11, r11, lsr #13
    strb    r11, [r1], #1
.endm

FUNCTION softmax_s8_u8
    push    {r4-r11, lr}
    ldmia   r0, {r0-r5}             @ x y lut rows columns pitch
    mov     lr, #STATE_BASE
    str     r5, [lr, #S_PITCH]
    str     r3, [lr, #S_ROWS]
    sub     r4, r5, r4
    str     r4, [lr, #S_PADS]
    add     r2, r2, #512
    str     r2, [lr, #S_LUT]
    add     r6, r5, #15
    mov     r6, r6, lsr #4
    str     r6, [lr, #S_ROUNDS]
    rsb     r7, r5, #0
    and     r7, r7, #12             @ 4 * the words that a first round leaves out
    adr     r8, 1f
    add     r8, r8, r7, lsl #3
    add     r8, r8, r7              @ 9 instructions a word
    str     r8, [lr, #S_MAX]
    adr     r8, 2f
    rsb     r9, r7, r7, lsl #3
    add     r8, r8, r9, lsl #1      @ 14
    str     r8, [lr, #S_SUM]
    adr     r8, 3f
    add     r9, r7, r7, lsl #2
    add     r9, r7, r9, lsl #1
    add     r8, r8, r9, lsl #1      @ 22
    str     r8, [lr, #S_SCALE]
    mov     r4, #0x3fc
    mov     r3, #0x80
    orr     r3, r3, r3, lsl #8
    orr     r3, r3, r3, lsl #16

row:
    ldr     r12, [lr, #S_ROUNDS]
    ldr     r9, [lr, #S_MAX]
    mov     r5, #0x80000000
    mov     r7, #0x80
    mov     r8, #0x80
    bx      r9
1:  .rept UNROLL / 2
    GREATEST r7, r8
    GREATEST r8, r7
    .endr
    subs    r12, r12, #1
    bne     1b
    cmp     r5, r8, lsl #24
    movlt   r5, r8, lsl #24

    ldr     r2, [lr, #S_LUT]
    ldmia   lr, {r7, r12}
    ldr     r9, [lr, #S_SUM]
    sub     r0, r0, r7
    mov     r5, r5, asr #24
    add     r2, r2, r5, lsl #2
    mov     r5, #0
    mov     r11, #0
    bx      r9
2:  .rept UNROLL
    SUM
    .endr
    subs    r12, r12, #1
    bne     2b
    ldr     r6, [lr, #S_PADS]
    ldr     r7, [r2]                @ the exponential of -128
    add     r5, r5, r11
    mul     r8, r6, r7
    sub     r5, r5, r8

    mov     r7, r5, lsr #6          @ divisor, at least 2^16: the quotient has 16 bits
    mov     r6, #0x80000000
    mov     r5, #0
    .irp k, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1
    rsbs    r8, r7, r6, lsr #\k
    subhs   r6, r6, r7, lsl #\k
    adc     r5, r5, r5
    .endr
    cmp     r6, r7
    adc     r5, r5, r5
    mov     r8, #0x7f00
    orr     r8, r8, #0xbf           @ 32703: the largest R that keeps y below 256
    cmp     r5, r8
    movhi   r5, r8

    ldmia   lr, {r7, r12}
    ldr     r9, [lr, #S_SCALE]
    mov     r6, #4096
    sub     r0, r0, r7
    bx      r9
3:  .rept UNROLL
    SCALE
    .endr
    subs    r12, r12, #1
    bne     3b
    ldr     r7, [lr, #S_ROWS]
    subs    r7, r7, #1
    str     r7, [lr, #S_ROWS]
    bne     row
    pop     {r4-r11, pc}
