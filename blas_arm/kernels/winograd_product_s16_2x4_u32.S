/* Winograd F(2x4,3x3): products, output transform, bias and requantisation, to bytes of NHWC: winograd_product.inc.
 *
 * An output is (sum / 48 + bias) * scale, rounded as in requantize.inc. Constants of a channel: K1, K2, m,
 * path | p << 8 | odd << 16. Path 0: all of u8, no ties; 4: all of s8, no ties; 8: everything.
 *
 * Outputs:  r1-r4 a row   r5, r10 temporary   r6 K1   r7 K2   r8 m   r9 1/3   r11 q   r12 y   sp y_step   lr state
 */
#include "asm.h"

#define ELEMENT_BYTES_0 (4 * (78 + 8 * 9))
#define ELEMENT_BYTES_4 (4 * (78 + 8 * 10))
#define ELEMENT_BYTES_8 (4 * (74 + 8 * 20))
#include "winograd_product_2x4.inc"

#define S_DOWN  140   /* bytes from behind a tile's first row of pixels to the start of its second */
#define S_SPILL 144   /* four words: row 1 */

/* One output from the sum `y`, already without the 3. */
.macro ROUND path, y
    mov     \y, \y, asr #4
    .if \path == 8
    ldr     r5, [lr, #S_WORD]
    mov     r10, r5, lsr #8         @ p in the low byte
    mov     \y, \y, lsl r10
    .endif
    smull   r10, r11, \y, r8
    adds    r10, r10, r6
    adc     r11, r11, r7
    .if \path == 8
    ldr     r10, [lr, #S_RANGE]
    biceq   r11, r11, #1
    sub     r11, r11, r5, lsr #16   @ odd
    ldr     r5, [lr, #S_BEYOND]
    cmp     r11, r10
    addhi   r5, r5, #1
    subgt   r5, r5, #0x10000
    str     r5, [lr, #S_BEYOND]
    ldr     r5, [lr, #S_LOW]
    bichi   r11, r10, r11, asr #31  @ below 0: 0, above: range
    add     r11, r11, r5
    .else
    cmp     r11, #255
    mvnhi   r11, r11, asr #31       @ below 0: 0, above: 255 in the low byte
    adchi   r5, r5, r11, lsl #16  @ C is set: one more, and one more above taken off the upper half
    .if \path == 4
    sub     r11, r11, #128
    .endif
    .endif
    strb    r11, [r12], sp
.endm

.macro ROUND_ROW path
    .if \path != 8
    ldr     r5, [lr, #S_BEYOND]     @ what is counted
    .endif
    mul     r1, r9, r1
    mul     r4, r9, r4
    mul     r2, r9, r2
    mul     r3, r9, r3
    ROUND   \path, r1
    ROUND   \path, r4
    ROUND   \path, r2
    ROUND   \path, r3
    .if \path != 8
    str     r5, [lr, #S_BEYOND]
    .endif
.endm

/* The eight outputs of one channel and tile `j` of the block. */
.macro ELEMENT path, j
    TRANSFORM_2X4 \j
    add     r5, lr, #S_SPILL
    stmia   r5, {r6-r9}
    ldr     r5, [lr, #S_ROWI]
    ldr     r12, [lr, #(S_TILE+4*\j)]
    ldmdb   r5, {r6-r9}             @ K1 K2 m, and the path
    ldr     r9, [lr, #S_THIRD]
    ldr     sp, [lr, #S_RIGHT]
    add     r10, r12, #1            @ the next channel
    str     r10, [lr, #(S_TILE+4*\j)]
    ROUND_ROW \path
    ldr     r5, [lr, #S_DOWN]
    add     r10, lr, #S_SPILL
    ldmia   r10, {r1-r4}
    add     r12, r12, r5
    ROUND_ROW \path
.endm

.macro ELEMENTS path
    ELEMENT \path, 2
    ELEMENT \path, 1
    ELEMENT \path, 0
.endm

FUNCTION winograd_product_s16_2x4_u32
    push    {r4-r11, lr}
    mov     lr, #STATE_BASE
    COUNTS_STATE
    ldmia   r0, {r0-r12}            @ u v y rows sums m tiles columns pairs y_step y_row range low
    str     r11, [lr, #S_RANGE]
    str     r12, [lr, #S_LOW]
    str     r9, [lr, #S_RIGHT]
    sub     r11, r10, r9, lsl #2
    str     r11, [lr, #S_DOWN]
    THIRD   r11
    mov     r11, #3
    PRODUCT_STATE 2
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
