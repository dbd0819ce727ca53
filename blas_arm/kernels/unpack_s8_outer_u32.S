/* Expand packed int8 weights to the int16 A panels of gemm_s16_3x3_outer_u32, chunk words included.
 *
 * Twelve weights (two pairs of k, three rows) are six words of the panel, lower | upper half, and three packed words:
 *
 *     p0 = lo w0, lo w1, hi w0, hi w1     p1 = lo w2, lo w3, ...     p2 = lo w4, lo w5, ...    (bytes, low first)
 *
 * so that w0 = p0 & 0x00ff00ff and w1 = (p0 >> 8) & 0x00ff00ff but for an offset. Stored are lower + 128 and
 * upper + 127 + (lower < 0), modulo 256: subtracting 0x007f0080 borrows from the upper half just where the lower one
 * is negative. Upper weights of -128 above a lower one >= 0 wrap to +128; the patches name their words.
 *
 * 21 cycles for 12 weights.
 * r0 packed   r1 panel   r2 mask   r3 offset   r4-r9 words   r10 entry   r11 chunks left   r12 panels left
 * lr chunks of a panel
 */
#include "asm.h"

#define UNROLL 16                   /* steps of two pairs: a chunk */

.macro STEP
    ldmia   r0!, {r4, r6, r8}
    and     r5, r2, r4, lsr #8
    and     r4, r2, r4
    and     r7, r2, r6, lsr #8
    and     r6, r2, r6
    and     r9, r2, r8, lsr #8
    and     r8, r2, r8
    sub     r4, r4, r3
    sub     r5, r5, r3
    sub     r6, r6, r3
    sub     r7, r7, r3
    sub     r8, r8, r3
    sub     r9, r9, r3
    stmia   r1!, {r4-r9}
.endm
#define STEP_BYTES 56

FUNCTION unpack_s8_outer_u32
    push    {r0, r4-r11, lr}
    ldmia   r0, {r0, r1, r2, r12, lr}   @ packed a patches panels pairs
    sub     r4, lr, #1
    and     r4, r4, #(2 * UNROLL - 1)
    rsb     r4, r4, #(2 * UNROLL - 1)
    mov     r4, r4, lsr #1          @ steps to leave out in the first chunk
    mov     r5, #STEP_BYTES
    adr     r6, body
    mla     r10, r4, r5, r6
    add     lr, lr, #(2 * UNROLL - 1)
    mov     lr, lr, lsr #5          @ chunks
    mov     r2, #0x00ff0000
    orr     r2, r2, #0xff
    mov     r3, #0x007f0000
    orr     r3, r3, #0x80
panel:
    mov     r11, lr
    mov     pc, r10
body:
    .rept UNROLL
    STEP
    .endr
    subs    r11, r11, #1
    movne   r4, #1
    moveq   r4, #0
    str     r4, [r1], #4
    bne     body
    subs    r12, r12, #1
    bne     panel

    pop     {r0}
    ldmib   r0, {r1, r2}            @ a patches
    ldr     r3, [r0, #UNPACK_S8_NPATCHES]
    subs    r3, r3, #1
    bmi     done
patch:
    ldr     r4, [r2], #4
    subs    r3, r3, #1
    ldr     r5, [r1, r4]
    sub     r5, r5, #0x01000000
    str     r5, [r1, r4]
    bpl     patch
done:
    pop     {r4-r11, pc}
