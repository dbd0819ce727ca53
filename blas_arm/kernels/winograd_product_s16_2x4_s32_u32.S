/* Winograd F(2x4,3x3): products and output transform, to int32 sums of every pixel: winograd_product_2x4.inc.
 *
 * c[channel, pixel] = or += sum / 48 (exact): the sums of a convolution, or of a part of its input channels.
 *
 * Outputs:  r1 r4 r2 r3 row 0   r6 r9 r7 r8 row 1   r5 1/3   r10, r12 temporary   r11 c   lr state
 */
#include "asm.h"

#define ELEMENT_BYTES_0 (4 * (61 + 15 + 4 * 4))
#define ELEMENT_BYTES_4 (4 * (61 + 15 + 4 * 6))
#define ELEMENT_BYTES_8 0
#include "winograd_product_2x4.inc"
#include "winograd_sums.inc"

/* Two sums to or onto c. */
.macro PUT path, a, b, at
    .if \path
    ldr     r10, [r11, #\at]
    ldr     r12, [r11, #(\at+4)]
    add     r10, r10, \a, asr #4
    add     r12, r12, \b, asr #4
    .else
    mov     r10, \a, asr #4
    mov     r12, \b, asr #4
    .endif
    str     r10, [r11, #\at]
    str     r12, [r11, #(\at+4)]
.endm

/* The eight sums of one channel and tile `j` of the block. */
.macro ELEMENT path, j
    TRANSFORM_2X4 \j
    ldr     r5, [lr, #S_THIRD]
    ldr     r11, [lr, #(S_TILE+4*\j)]
    ldr     r12, [lr, #S_CHANNEL]
    ldr     sp, [lr, #S_ROW]
    mul     r1, r5, r1
    mul     r4, r5, r4
    mul     r2, r5, r2
    mul     r3, r5, r3
    mul     r6, r5, r6
    mul     r9, r5, r9
    mul     r7, r5, r7
    mul     r8, r5, r8
    add     r10, r11, r12           @ the next channel
    str     r10, [lr, #(S_TILE+4*\j)]
    PUT     \path, r1, r4, 0
    PUT     \path, r2, r3, 8
    add     r11, r11, sp
    PUT     \path, r6, r9, 0
    PUT     \path, r7, r8, 8
.endm

.macro ELEMENTS path
    ELEMENT \path, 2
    ELEMENT \path, 1
    ELEMENT \path, 0
.endm

FUNCTION winograd_product_s16_2x4_s32_u32
    push    {r4-r11, lr}
    mov     lr, #STATE_BASE
    THIRD   r1
    ldmia   r0, {r0-r10}            @ u v c sums m tiles columns pairs ldc row accumulate
    SUMS_STATE 2
    PRODUCT_BLOCKS
    SUMS_CHANNEL

path0:
    ELEMENTS 0
    b       channel_end
path4:
    ELEMENTS 4
    PRODUCT_NEXT 0
