/* Outer panels from tiles of int16 pixels: three pixels a panel, unrolled over 8 groups of four channels.
 *
 * Words of pixels a, b, d hold two channels; a and b swap halves: 10 cycles for 6 elements. That needs channels in
 * fours and everything word-aligned; else halves are copied one by one, and k may change its parity from tap to tap.
 * Panels whose pixels have all taps inside the tile run along whole rows of the kernel where pixels touch and taps
 * are not spread; others look at each tap of each pixel. Runs are cut where a chunk of A ends.
 *
 * In a run: r0-r2 the pixels   r3 panel   r4-r6 work   r7 scratch   r8 rounds   r9 units of the run left
 *   r10 units of the chunk left   r11 chunks done   r12 scratch   sp state block   lr return
 *   (a unit is four channels, or one of halves)
 */
#include "asm.h"

#define S_PIXEL    0    /* address of the first tap, lowest row and column of all taps: three pixels */
#define S_N       36    /* pixels left | one LDM */
#define S_ADDR    40    /* address, row and column of the next pixel | */
#define S_Y       44    /* | */
#define S_X       48    /* | */
#define S_LEFT    52    /* columns left in this row of outputs | */
#define S_XLIM    56    /* columns and rows at which all taps are inside | */
#define S_YLIM    60    /* | */
#define S_SX      64    /* pixels from output to output | */
#define S_SXB     68    /* and bytes | */
#define S_ROW     72    /* address of this row's first pixel */
#define S_SY      76
#define S_SYB     80
#define S_X0      84
#define S_OUTW    88
#define S_RUN     92    /* code of a run */
#define S_FAST    96    /* units of a run along a row of the kernel */
#define S_TAP    100    /* and of one tap */
#define S_INNER  104    /* runs of a row of the kernel, and bytes between them */
#define S_GAP    108
#define S_KH     112
#define S_SKIP   116    /* bytes from behind a row of taps to the next row */
#define S_BLOCKS 120
#define S_JUMP   124    /* and from behind a block to the next one */
#define S_I      128
#define S_J      132
#define S_B      136
#define S_H      140
#define S_W      144
#define S_PAD    148
#define S_KY     152    /* tap: row, column, offset in bytes | one LDM */
#define S_KX     156
#define S_OFF    160
#define S_KW     164
#define S_DY     168    /* pixels from tap to tap, and bytes */
#define S_DX     172
#define S_DXB    176
#define S_KY0    180    /* row and column of the first tap, from the lowest */
#define S_KX0    184
#define S_REST   188    /* k that the panel's end lacks */
#define S_CHUNKS 192    /* chunks of a panel of A, 0 for B */
#define S_FIRST  196    /* units of its first chunk and of the others | */
#define S_CHUNK  200
#define S_SP     204
#define UNROLL     8
#define ENDLESS  0x40000000

.macro PAIR
    ldr     r4, [r0], #4
    ldr     r6, [r1], #4
    ldr     r5, [r2], #4
    eor     r7, r6, r4, lsr #16
    mov     r7, r7, lsl #16
    eor     r4, r4, r7
    eor     r6, r6, r7, lsr #16
    stmia   r3!, {r4, r5, r6}
.endm

/* A run of r9 groups of four channels. */
words:
    cmp     r9, r10
    movlo   r8, r9
    movhs   r8, r10
    sub     r9, r9, r8
    sub     r10, r10, r8
    rsb     r12, r8, #0
    and     r12, r12, #(UNROLL-1)
    add     r8, r8, #(UNROLL-1)
    mov     r8, r8, lsr #3
    add     pc, pc, r12, lsl #6     @ 64 bytes a group
    nop
1:  .rept UNROLL
    PAIR
    PAIR
    .endr
    subs    r8, r8, #1
    bne     1b
    cmp     r10, #0
    movne   pc, lr
    adr     r8, 2f
    b       chunk_end
2:  cmp     r9, #0
    bne     words
    mov     pc, lr

/* A run of r9 single channels; the parity of k is that of r10. */
halves:
    tst     r10, #1
    bne     2f
1:  ldrh    r4, [r0], #2
    ldrh    r5, [r1], #2
    ldrh    r6, [r2], #2
    strh    r4, [r3], #2
    strh    r5, [r3], #2
    strh    r6, [r3], #4
    sub     r10, r10, #1
    subs    r9, r9, #1
    moveq   pc, lr
2:  ldrh    r4, [r0], #2
    ldrh    r5, [r1], #2
    ldrh    r6, [r2], #2
    strh    r4, [r3], #2
    strh    r5, [r3], #2
    strh    r6, [r3, #-6]
    adr     r8, 3f
    subs    r10, r10, #1
    beq     chunk_end
3:  subs    r9, r9, #1
    bne     1b
    mov     pc, lr

/* The word behind a chunk: 0 for the last, else 1, 3, 1, 2, 1, 2, ...; returns to r8. */
chunk_end:
    ldr     r12, [sp, #S_CHUNKS]
    ldr     r10, [sp, #S_CHUNK]
    add     r11, r11, #1
    mov     r7, #2
    tst     r11, #1
    movne   r7, #1
    cmp     r11, #2
    moveq   r7, #3
    cmp     r11, r12
    moveq   r7, #0
    str     r7, [r3], #4
    bx      r8

FUNCTION im2col_s16_outer_u32
    push    {r4-r11, lr}
    mov     r12, #STATE_BASE
    str     sp, [r12, #S_SP]
    mov     sp, r12
    ldmia   r0, {r1-r12, lr}        @ x pad panels tile row_stride pixel_stride block_stride channels kernel dilation corner out chunk_words
    str     r3, [sp, #S_J]          @ panels, for now
    str     r2, [sp, #S_PAD]
    str     lr, [sp, #S_CHUNKS]     @ whether there are chunk words, for now
    mov     r0, r8, lsr #16
    mov     r8, r8, lsl #16
    mov     r8, r8, lsr #16
    str     r0, [sp, #S_BLOCKS]
    @ words, if everything is a multiple of 4 and channels come in fours
    orr     lr, r1, r2
    orr     lr, lr, r5
    orr     lr, lr, r6
    orr     lr, lr, r7
    orr     lr, lr, r8
    tst     lr, #3
    adr     r2, halves
    adreq   r2, words
    moveq   lr, #2                  @ lr = log2 of the channels in a unit
    movne   lr, #0
    str     r2, [sp, #S_RUN]
    mov     r2, r4, lsl #16
    mov     r2, r2, lsr #16
    mov     r4, r4, lsr #16
    str     r2, [sp, #S_H]
    str     r4, [sp, #S_W]
    and     r0, r9, #0xff           @ kernel_h
    mov     r3, r9, lsr #8
    and     r3, r3, #0xff           @ kernel_w
    str     r0, [sp, #S_KH]
    str     r3, [sp, #S_KW]
    str     r1, [sp, #S_ADDR]       @ x, for now
    @ taps: r12 is out, r10 dilation; span of all taps, and the first one from the lowest
    mov     r1, r10, asr #16        @ columns
    str     r1, [sp, #S_DX]
    str     r7, [sp, #S_JUMP]       @ block_stride, for now
    mul     r7, r1, r6
    str     r7, [sp, #S_DXB]
    sub     r7, r3, #1
    mul     r7, r1, r7
    rsbs    r1, r7, #0
    movmi   r1, #0
    str     r1, [sp, #S_KX0]
    cmp     r7, #0
    rsblt   r7, r7, #0              @ the span
    subs    r4, r4, r7
    movmi   r4, #0
    str     r4, [sp, #S_XLIM]
    mov     r4, r11, asr #16
    sub     r1, r4, r1              @ column of the lowest tap of output (0, 0)
    str     r1, [sp, #S_X]
    str     r1, [sp, #S_X0]
    mov     r1, r10, lsl #16
    mov     r1, r1, asr #16         @ rows
    str     r1, [sp, #S_DY]
    sub     r7, r0, #1
    mul     r7, r1, r7
    rsbs    r10, r7, #0
    movmi   r10, #0
    str     r10, [sp, #S_KY0]
    cmp     r7, #0
    rsblt   r7, r7, #0
    subs    r2, r2, r7
    movmi   r2, #0
    str     r2, [sp, #S_YLIM]
    mov     r11, r11, lsl #16
    mov     r11, r11, asr #16
    sub     r10, r11, r10
    str     r10, [sp, #S_Y]
    ldr     r2, [sp, #S_ADDR]       @ the first tap of the first pixel
    mla     r7, r11, r5, r2
    mla     r7, r4, r6, r7
    str     r7, [sp, #S_ADDR]
    str     r7, [sp, #S_ROW]
    mov     r4, r9, lsr #24         @ stride_x
    mul     r7, r4, r6
    str     r4, [sp, #S_SX]
    str     r7, [sp, #S_SXB]
    mov     r4, r9, lsr #16
    and     r4, r4, #0xff           @ stride_y
    mul     r7, r4, r5
    str     r4, [sp, #S_SY]
    str     r7, [sp, #S_SYB]
    mov     r4, r12, lsl #16
    mov     r4, r4, lsr #16         @ out_h
    mov     r7, r12, lsr #16
    mul     r9, r4, r7
    str     r7, [sp, #S_LEFT]
    str     r7, [sp, #S_OUTW]
    str     r9, [sp, #S_N]
    @ r0 kernel_h   r1 rows from tap to tap   r3 kernel_w   r5 row stride   r6 pixel stride   r8 channels   lr log
    ldr     r2, [sp, #S_DX]
    ldr     r4, [sp, #S_DXB]
    mul     r7, r1, r5              @ bytes from a row of taps to the next
    mul     r9, r3, r4              @ and over one
    sub     r10, r7, r9
    str     r10, [sp, #S_SKIP]
    mul     r10, r0, r7
    ldr     r7, [sp, #S_JUMP]
    sub     r7, r7, r10
    str     r7, [sp, #S_JUMP]
    cmp     r2, #1
    cmpeq   r6, r8, lsl #1
    mul     r9, r3, r8              @ k of a run along a row
    movne   r9, r8
    moveq   r7, #1
    movne   r7, r3
    str     r7, [sp, #S_INNER]
    subne   r4, r4, r8, lsl #1
    moveq   r4, #0
    str     r4, [sp, #S_GAP]
    mov     r9, r9, lsr lr
    str     r9, [sp, #S_FAST]
    mov     r9, r8, lsr lr
    str     r9, [sp, #S_TAP]
    @ chunks: of 16 fours of k, the first one shorter
    mul     r9, r0, r3
    ldr     r7, [sp, #S_BLOCKS]
    mul     r9, r8, r9
    mul     r9, r7, r9              @ k
    rsb     r7, r9, #0
    and     r7, r7, #3
    str     r7, [sp, #S_REST]
    add     r9, r9, #3
    mov     r9, r9, lsr #2          @ fours of k
    add     r7, r9, #15
    mov     r7, r7, lsr #4          @ chunks
    sub     r9, r9, #1
    and     r9, r9, #15
    add     r9, r9, #1
    rsb     lr, lr, #2
    mov     r9, r9, lsl lr
    mov     r4, #16
    mov     r4, r4, lsl lr
    ldr     r10, [sp, #S_CHUNKS]
    cmp     r10, #0
    moveq   r9, #ENDLESS
    moveq   r7, #0
    str     r7, [sp, #S_CHUNKS]
    str     r9, [sp, #S_FIRST]
    str     r4, [sp, #S_CHUNK]
    ldr     r3, [sp, #S_J]
    b       panel

.macro PIXEL
    stmia   r1!, {r5-r7}
    cmp     r7, r9
    cmplo   r6, r10
    movhs   r0, #1                  @ some tap is outside
    subs    r4, r4, #1
    ble     1f                      @ no pixel behind the last: repeat it
    add     r7, r7, r11
    add     r5, r5, r12
    subs    r8, r8, #1
    moveq   lr, pc
    beq     wrap
1:
.endm

panel:
    add     r1, sp, #S_N
    ldmia   r1, {r4-r12}
    mov     r0, #0
    mov     r1, sp
    PIXEL
    PIXEL
    PIXEL
    stmia   r1, {r4-r8}             @ the pixels' records end where S_N begins
    ldr     r10, [sp, #S_FIRST]
    mov     r11, #0
    cmp     r0, #0
    ldr     r6, [sp, #S_BLOCKS]
    bne     border

    ldr     r0, [sp, #S_PIXEL]
    ldr     r1, [sp, #S_PIXEL+12]
    ldr     r2, [sp, #S_PIXEL+24]
block:
    str     r6, [sp, #S_B]
    ldr     r7, [sp, #S_KH]
row:
    str     r7, [sp, #S_J]
    ldr     r8, [sp, #S_INNER]
1:  str     r8, [sp, #S_I]
    ldr     r9, [sp, #S_FAST]
    mov     lr, pc
    ldr     pc, [sp, #S_RUN]
    ldr     r8, [sp, #S_I]
    ldr     r9, [sp, #S_GAP]
    subs    r8, r8, #1
    add     r0, r0, r9
    add     r1, r1, r9
    add     r2, r2, r9
    bne     1b
    ldr     r7, [sp, #S_J]
    ldr     r9, [sp, #S_SKIP]
    subs    r7, r7, #1
    add     r0, r0, r9
    add     r1, r1, r9
    add     r2, r2, r9
    bne     row
    ldr     r6, [sp, #S_B]
    ldr     r9, [sp, #S_JUMP]
    subs    r6, r6, #1
    add     r0, r0, r9
    add     r1, r1, r9
    add     r2, r2, r9
    bne     block

panel_done:
    ldr     r9, [sp, #S_REST]
    ldr     r0, [sp, #S_PAD]
    cmp     r9, #0
    beq     1f
    mov     r1, r0                  @ zeros up to a multiple of four k
    mov     r2, r0
    mov     lr, pc
    b       halves
1:  ldr     r4, [sp, #S_N]
    cmp     r4, #0
    bgt     panel
    ldr     r5, [sp, #S_CHUNKS]
    cmp     r5, #0
    streq   r5, [r3]                @ the word that the product reads ahead
    ldr     sp, [sp, #S_SP]
    pop     {r4-r11, pc}

wrap:                               @ the next row of outputs
    ldr     r5, [sp, #S_ROW]
    ldr     r8, [sp, #S_SYB]
    ldr     r7, [sp, #S_SY]
    add     r5, r5, r8
    str     r5, [sp, #S_ROW]
    add     r6, r6, r7
    ldr     r7, [sp, #S_X0]
    ldr     r8, [sp, #S_OUTW]
    mov     pc, lr

/* Address of one pixel at the tap (r8, r9), lr bytes behind the first. */
.macro LOCATE p
    ldmia   r7!, {r4-r6}
    ldr     \p, [sp, #S_H]
    add     r5, r5, r8
    add     r6, r6, r9
    cmp     r5, \p
    ldr     \p, [sp, #S_W]
    ldr     r12, [sp, #S_PAD]
    cmplo   r6, \p
    movhs   \p, r12
    addlo   \p, r4, lr
.endm

border:
    str     r6, [sp, #S_B]
    mov     lr, #0
border_block:
    ldr     r8, [sp, #S_KY0]
    ldr     r4, [sp, #S_KH]
border_row:
    str     r4, [sp, #S_J]
    ldr     r9, [sp, #S_KX0]
    ldr     r4, [sp, #S_KW]
tap:
    str     r4, [sp, #S_I]
    add     r7, sp, #S_KY
    stmia   r7, {r8, r9, lr}
    mov     r7, sp
    LOCATE  r0
    LOCATE  r1
    LOCATE  r2
    ldr     r9, [sp, #S_TAP]
    mov     lr, pc
    ldr     pc, [sp, #S_RUN]
    add     r7, sp, #S_KY
    ldmia   r7, {r8, r9, lr}
    ldr     r4, [sp, #S_I]
    ldr     r5, [sp, #S_DX]
    ldr     r6, [sp, #S_DXB]
    subs    r4, r4, #1
    add     r9, r9, r5
    add     lr, lr, r6
    bne     tap
    ldr     r4, [sp, #S_J]
    ldr     r5, [sp, #S_DY]
    ldr     r6, [sp, #S_SKIP]
    subs    r4, r4, #1
    add     r8, r8, r5
    add     lr, lr, r6
    bne     border_row
    ldr     r4, [sp, #S_B]
    ldr     r6, [sp, #S_JUMP]
    subs    r4, r4, #1
    str     r4, [sp, #S_B]
    add     lr, lr, r6
    bne     border_block
    b       panel_done
