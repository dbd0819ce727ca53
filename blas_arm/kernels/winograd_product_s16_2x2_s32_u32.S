/* Winograd F(2x2,3x3): products and output transform, to int32 sums of every pixel: winograd_product_2x2.inc.
 *
 * c[channel, pixel] = or += sum / 4 (exact): the sums of a convolution, or of a part of its input channels.
 *
 * Outputs:  r0 sums   r1 bytes from channel to channel   r4-r7 sums 00 01 10 11   r8-r10 temporary
 *           r11 c   sp bytes from row to row of pixels   lr state
 */
#include "asm.h"

#define ELEMENT_BYTES_0 (4 * (36 + 10))
#define ELEMENT_BYTES_4 (4 * (36 + 14))
#define ELEMENT_BYTES_8 0
#include "winograd_product_2x2.inc"
#include "winograd_sums.inc"

/* The four sums of one channel and tile `j` of the block. */
.macro ELEMENT path, j
    TRANSFORM \j
    add     r10, r11, r1
    str     r10, [lr, #(S_TILE+4*\j)]
    .if \path
    ldr     r8, [r11]
    ldr     r9, [r11, #4]
    add     r8, r8, r4, asr #2
    add     r9, r9, r5, asr #2
    str     r8, [r11]
    str     r9, [r11, #4]
    ldr     r8, [r11, sp]!
    ldr     r9, [r11, #4]
    add     r8, r8, r6, asr #2
    add     r9, r9, r7, asr #2
    .else
    mov     r8, r4, asr #2
    mov     r9, r5, asr #2
    str     r8, [r11]
    str     r9, [r11, #4]
    mov     r8, r6, asr #2
    mov     r9, r7, asr #2
    str     r8, [r11, sp]!
    .endif
    .if \path
    str     r8, [r11]
    .endif
    str     r9, [r11, #4]
.endm

.macro ELEMENTS path
    ELEMENT \path, 2
    ELEMENT \path, 1
    ELEMENT \path, 0
.endm

FUNCTION winograd_product_s16_2x2_s32_u32
    push    {r4-r11, lr}
    mov     lr, #STATE_BASE
    ldmia   r0, {r0-r10}            @ u v c sums m tiles columns pairs ldc row accumulate
    SUMS_STATE 1
    PRODUCT_BLOCKS
    SUMS_CHANNEL

path0:
    ELEMENTS 0
    b       channel_end
path4:
    ELEMENTS 4
    PRODUCT_NEXT 0
