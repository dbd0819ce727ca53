/* Winograd F(2x2,3x3): products, output transform, bias and requantisation, to bytes of NHWC: winograd_product_2x2.inc.
 *
 * An output is (sum / 4 + bias) * scale, rounded as in requantize.inc; the division is exact. Constants of a channel:
 * K1, K2, m, path | p << 8 | odd << 16. Path 0: all of u8, no ties; 4: all of s8, no ties; 8: everything.
 *
 * Outputs:  r0 sums   r1 K1   r2 K2   r3 m   r4-r7 sums 00 01 10 11   r8 frac   r9 q   r10 temporary, or what is counted
 *           r11 y   r12 y_step - 1   sp y_row   lr state
 */
#include "asm.h"

#define ELEMENT_BYTES_0 (4 * (44 + 4 * 7))
#define ELEMENT_BYTES_4 (4 * (44 + 4 * 8))
#define ELEMENT_BYTES_8 (4 * (42 + 4 * 18))
#include "winograd_product_2x2.inc"

/* One output: q from the sum `y`. */
.macro ROUND path, y
    .if \path == 8
    ldr     r10, [lr, #S_WORD]
    mov     \y, \y, asr #2
    mov     r8, r10, lsr #8         @ p in the low byte
    mov     \y, \y, lsl r8
    .else
    mov     \y, \y, asr #2
    .endif
    smull   r8, r9, \y, r3
    adds    r8, r8, r1
    adc     r9, r9, r2
    .if \path == 8
    ldr     r8, [lr, #S_RANGE]
    biceq   r9, r9, #1
    sub     r9, r9, r10, lsr #16    @ odd
    ldr     r10, [lr, #S_BEYOND]
    cmp     r9, r8
    addhi   r10, r10, #1
    subgt   r10, r10, #0x10000
    str     r10, [lr, #S_BEYOND]
    ldr     r10, [lr, #S_LOW]
    bichi   r9, r8, r9, asr #31     @ below 0: 0, above: range
    add     r9, r9, r10
    .else
    cmp     r9, #255
    mvnhi   r9, r9, asr #31         @ below 0: 0, above: 255 in the low byte
    adchi   r10, r10, r9, lsl #16  @ C is set: one more, and one more above taken off the upper half
    .if \path == 4
    sub     r9, r9, #128
    .endif
    .endif
.endm

/* The four outputs of one channel and tile `j` of the block. */
.macro ELEMENT path, j
    TRANSFORM \j
    .if \path != 8
    ldr     r10, [lr, #S_BEYOND]
    .endif
    ROUND   \path, r4
    strb    r9, [r11], #1
    str     r11, [lr, #(S_TILE+4*\j)]
    ROUND   \path, r5
    strb    r9, [r11, r12]
    add     r11, r11, sp
    ROUND   \path, r6
    strb    r9, [r11, #-1]
    ROUND   \path, r7
    strb    r9, [r11, r12]
    .if \path != 8
    str     r10, [lr, #S_BEYOND]
    .endif
.endm

.macro ELEMENTS path
    ELEMENT \path, 2
    ELEMENT \path, 1
    ELEMENT \path, 0
.endm

FUNCTION winograd_product_s16_2x2_u32
    push    {r4-r11, lr}
    mov     lr, #STATE_BASE
    COUNTS_STATE
    ldmia   r0, {r0-r12}            @ u v y rows sums m tiles columns pairs y_step y_row range low
    str     r11, [lr, #S_RANGE]
    str     r12, [lr, #S_LOW]
    sub     r11, r9, #1
    str     r11, [lr, #S_RIGHT]
    mov     r11, #3
    PRODUCT_STATE 1
    PRODUCT_BLOCKS

channel:
    ldmia   r9!, {r1-r4}
    str     r9, [lr, #S_ROWI]
    and     r5, r4, #0xff
    add     r5, r5, lr
    ldr     r6, [r5, #S_PATH]
    str     r4, [lr, #S_WORD]
    mov     pc, r6

path0:
    ELEMENTS 0
    b       channel_end
path4:
    ELEMENTS 4
    b       channel_end
path8:
    ELEMENTS 8

    PRODUCT_NEXT 1
