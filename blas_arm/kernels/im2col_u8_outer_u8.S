/* Outer B panels from an 8-bit input tile: three pixels a panel, unrolled over 8 groups of four channels.
 *
 * Four channels c0..c3 of pixels a, b, d become six words (halves written low | high):
 *
 *     a0 | b0    d0 | d1    a1 | b1        a2 | b2    d2 | d3    a3 | b3
 *
 * Pixels a and b swap halves by three exclusive-ors, then two masks cut each word into two; d is cut first and
 * swaps its own halves: 21 cycles for 12 elements. That needs channels side by side and everything word-aligned;
 * else bytes are copied one by one, and k may change its parity from tap to tap.
 * Panels whose pixels all lie inside run along whole rows of the kernel; others look at each tap of each pixel.
 *
 * In a run: r0-r2 the pixels, r3 panel, r5 count, sp state block, lr return;
 *   words: r4 mask, r6 flip, r7-r12 work      bytes: r4, r6, r7 steps of the pixels, r8-r12 work
 */
#include "asm.h"

#define S_PIXEL    0    /* address, row and column of the first tap: three pixels */
#define S_N       36    /* pixels left | one LDM */
#define S_ADDR    40    /* address, row and column of the next pixel's first tap | */
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
#define S_IN      92    /* r4, r6, r7 of a run, by pixel, inside the tile */
#define S_OUT    104    /* and outside */
#define S_H      116
#define S_W      120
#define S_PAD    124
#define S_FAST   128    /* count and code of a run along a row of the kernel */
#define S_FASTPC 132
#define S_TAP    136    /* and of one tap */
#define S_TAPPC  140
#define S_INNER  144    /* runs before the outer loop, and bytes between them */
#define S_GAP    148
#define S_OUTER  152
#define S_SKIP   156
#define S_I      160
#define S_J      164
#define S_KY     168    /* tap: row, column, offset in bytes | one LDM */
#define S_KX     172
#define S_OFF    176
#define S_KH     180
#define S_KW     184
#define S_PS     188
#define S_TAPROW 192    /* bytes from a row's last tap to the next row's first, less one pixel */
#define S_PARITY 196
#define S_REST   200    /* k that the panel's end lacks */
#define S_SP     204
#define UNROLL     8

.macro GROUP flip
    ldr     r7, [r0], #4            @ a
    ldr     r8, [r1], #4            @ b
    ldr     r11, [r2], #4           @ d
    .if \flip
    eor     r7, r7, r6
    eor     r8, r8, r6
    eor     r11, r11, r6
    .endif
    eor     r9, r7, r8, lsl #16
    eor     r12, r8, r9, lsr #16    @ a2 a3 b2 b3
    eor     r9, r9, r12, lsl #16    @ a0 a1 b0 b1
    and     r8, r11, r4             @ d0 | d2
    and     r11, r4, r11, lsr #8    @ d1 | d3
    and     r7, r9, r4
    and     r9, r4, r9, lsr #8
    eor     r8, r8, r11, lsl #16
    eor     r11, r11, r8, lsr #16
    eor     r8, r8, r11, lsl #16
    and     r10, r12, r4
    and     r12, r4, r12, lsr #8
    stmia   r3!, {r7-r12}
.endm
#define GROUP_BYTES 64
#define FLIP_BYTES  (GROUP_BYTES + 12)
#define FLIP_BODY   (UNROLL * FLIP_BYTES + 12)

words_flip:
    .rept UNROLL
    GROUP   1
    .endr
    subs    r5, r5, #1
    bpl     words_flip
    mov     pc, lr
words:
    .rept UNROLL
    GROUP   0
    .endr
    subs    r5, r5, #1
    bpl     words
    mov     pc, lr

.macro FETCH flip
    ldrb    r8, [r0], r4
    ldrb    r9, [r1], r6
    ldrb    r10, [r2], r7
    .if \flip
    eor     r8, r8, #0x80
    eor     r9, r9, #0x80
    eor     r10, r10, #0x80
    .endif
.endm
.macro EVEN flip
    FETCH   \flip
    strh    r8, [r3], #2
    strh    r9, [r3], #2
    strh    r10, [r3], #4
.endm
.macro ODD flip
    FETCH   \flip
    strh    r8, [r3], #2
    strh    r9, [r3], #2
    strh    r10, [r3, #-6]
.endm
/* A run of r5 bytes of each pixel, one by one; k goes on with the parity at which the last run ended. */
.macro BYTES flip
    ldr     r12, [sp, #S_PARITY]
    add     r5, r5, r12
    cmp     r12, #0
    subne   r5, r5, #2
    beq     1f
    ODD     \flip
1:  movs    r12, r5, asr #1         @ pairs
    and     r11, r5, #1
    str     r11, [sp, #S_PARITY]
    ble     3f
    sub     r5, r12, #1
    and     r12, r5, #3
    rsb     r12, r12, #3            @ pairs to leave out of the first four
    mov     r5, r5, lsr #2
    .if \flip
    add     r12, r12, r12, lsl #3
    add     pc, pc, r12, lsl #3     @ 72 bytes a pair
    .else
    add     r12, r12, r12, lsl #1
    add     pc, pc, r12, lsl #4     @ 48 bytes a pair
    .endif
    nop
2:  .rept 4
    EVEN    \flip
    ODD     \flip
    .endr
    subs    r5, r5, #1
    bpl     2b
3:  cmp     r11, #0
    moveq   pc, lr
    EVEN    \flip
    mov     pc, lr
.endm

/* Count and code of a run of \n units to the state block. r12 = code, lr = flip, r11 = bytes? */
.macro RUN n, at
    cmp     r11, #0
    bne     1f
    sub     r2, \n, #1
    and     r3, r2, #(UNROLL-1)
    mov     r2, r2, lsr #3
    rsb     r3, r3, #(UNROLL-1)
    cmp     lr, #0
    add     r4, r12, r3, lsl #6
    addne   r4, r4, r3, lsl #3
    addne   r4, r4, r3, lsl #2
    b       2f
1:  mov     r2, \n
    mov     r4, r12
2:  str     r2, [sp, #\at]
    str     r4, [sp, #\at+4]
.endm

FUNCTION im2col_u8_outer_u8
    push    {r4-r11, lr}
    mov     r12, #STATE_BASE
    str     sp, [r12, #S_SP]
    mov     sp, r12
    ldmia   r0, {r1-r12}            @ x pad b tile row_stride pixel_stride channel_stride channels kernel corner out flip
    str     r3, [sp, #S_J]          @ b, for now
    str     r2, [sp, #S_PAD]
    str     r6, [sp, #S_PS]
    @ words, if everything is a multiple of 4 and channels lie side by side: lr = 0
    orr     lr, r1, r2
    orr     lr, lr, r5
    orr     lr, lr, r6
    orr     lr, lr, r8
    and     lr, lr, #3
    eor     r0, r7, #1
    orr     lr, lr, r0
    str     lr, [sp, #S_I]
    @ tile and kernel
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
    add     r2, r2, #1
    subs    r2, r2, r0
    movmi   r2, #0
    add     r4, r4, #1
    subs    r4, r4, r3
    movmi   r4, #0
    str     r2, [sp, #S_YLIM]
    str     r4, [sp, #S_XLIM]
    mov     r2, r9, lsr #24         @ stride_x
    mul     r4, r2, r6
    str     r2, [sp, #S_SX]
    str     r4, [sp, #S_SXB]
    mov     r2, r9, lsr #16
    and     r2, r2, #0xff           @ stride_y
    mul     r4, r2, r5
    str     r2, [sp, #S_SY]
    str     r4, [sp, #S_SYB]
    @ the first pixel
    mov     r2, r10, lsl #16
    mov     r2, r2, asr #16
    mov     r10, r10, asr #16
    mla     r4, r2, r5, r1
    mla     r4, r10, r6, r4
    str     r2, [sp, #S_Y]
    str     r10, [sp, #S_X]
    str     r10, [sp, #S_X0]
    str     r4, [sp, #S_ADDR]
    str     r4, [sp, #S_ROW]
    mov     r2, r11, lsl #16
    mov     r2, r2, lsr #16         @ out_h
    mov     r4, r11, lsr #16
    mul     r9, r2, r4
    str     r4, [sp, #S_LEFT]
    str     r4, [sp, #S_OUTW]
    str     r9, [sp, #S_N]
    @ k that is missing to a multiple of 4
    mul     r2, r0, r3
    mul     r4, r2, r8
    rsb     r4, r4, #0
    and     r4, r4, #3
    str     r4, [sp, #S_REST]
    mul     r2, r3, r6
    sub     r2, r5, r2
    str     r2, [sp, #S_TAPROW]
    @ runs: along a kernel row if pixels touch, else one for each tap
    cmp     r7, #1
    cmpeq   r6, r8
    mul     r9, r3, r8              @ elements of a run
    movne   r9, r8
    mul     r1, r9, r7              @ bytes of a run
    streq   r0, [sp, #S_INNER]
    strne   r3, [sp, #S_INNER]
    moveq   r10, #1
    movne   r10, r0
    str     r10, [sp, #S_OUTER]
    str     r2, [sp, #S_SKIP]
    moveq   r6, r5
    sub     r6, r6, r1
    str     r6, [sp, #S_GAP]
    @ code and constants of runs: r12 = flip
    ldr     r11, [sp, #S_I]
    mov     lr, r12
    cmp     r11, #0
    bne     bytes_setup
    mov     r8, r8, lsr #2
    mov     r9, r9, lsr #2
    adr     r12, words
    cmp     lr, #0
    subne   r12, r12, #(FLIP_BODY & ~0xff)
    subne   r12, r12, #(FLIP_BODY & 0xff)
    mov     r5, #0xff
    orr     r5, r5, #0xff0000
    orr     r6, lr, lr, lsl #8
    orr     r6, r6, r6, lsl #16
    str     r5, [sp, #S_IN]
    str     r6, [sp, #S_IN+4]
    str     r6, [sp, #S_IN+8]
    str     r5, [sp, #S_OUT]
    str     r6, [sp, #S_OUT+4]
    str     r6, [sp, #S_OUT+8]
    b       setup_done
bytes_setup:
    adr     r12, bytes
    cmp     lr, #0
    adrne   r12, bytes_flip
    mov     r5, #1
    str     r7, [sp, #S_IN]
    str     r7, [sp, #S_IN+4]
    str     r7, [sp, #S_IN+8]
    str     r5, [sp, #S_OUT]
    str     r5, [sp, #S_OUT+4]
    str     r5, [sp, #S_OUT+8]
setup_done:
    RUN     r9, S_FAST
    RUN     r8, S_TAP
    ldr     r3, [sp, #S_J]
    b       panel

bytes:
    BYTES   0
bytes_flip:
    BYTES   1

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
    str     r0, [sp, #S_PARITY]
    mov     r1, sp
    PIXEL
    PIXEL
    PIXEL
    stmia   r1, {r4-r8}             @ the pixels' records end where S_N begins
    cmp     r0, #0
    bne     border

    ldr     r0, [sp, #S_PIXEL]
    ldr     r1, [sp, #S_PIXEL+12]
    ldr     r2, [sp, #S_PIXEL+24]
    ldr     r4, [sp, #S_IN]
    ldr     r6, [sp, #S_IN+4]
    ldr     r7, [sp, #S_OUTER]
0:  str     r7, [sp, #S_J]
    ldr     r8, [sp, #S_INNER]
1:  str     r8, [sp, #S_I]
    ldr     r5, [sp, #S_FAST]
    ldr     r7, [sp, #S_IN+8]
    mov     lr, pc
    ldr     pc, [sp, #S_FASTPC]
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
    bne     0b

panel_done:
    ldr     r5, [sp, #S_REST]
    ldr     r4, [sp, #S_N]
    mov     r0, #0
    cmp     r5, #0
    bne     fill
next_panel:
    cmp     r4, #0
    bgt     panel
    str     r0, [r3]                @ the word that the product reads ahead
    ldr     sp, [sp, #S_SP]
    pop     {r4-r11, pc}

fill:                               @ zeros up to a multiple of four k
    tst     r5, #1
    beq     1f
    strh    r0, [r3], #2
    strh    r0, [r3], #2
    strh    r0, [r3, #-6]
1:  tst     r5, #2
    beq     next_panel
    str     r0, [r3], #4
    str     r0, [r3], #4
    str     r0, [r3], #4
    b       next_panel

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

/* Address and step of one pixel at the tap (r8, r9), r10 bytes behind the first; the step is a constant for words. */
.macro LOCATE p, step, at
    ldmia   r11!, {r5, r12, lr}
    ldr     \p, [sp, #S_H]
    add     r12, r12, r8
    add     lr, lr, r9
    cmp     r12, \p
    ldr     r12, [sp, #S_W]
    ldr     \step, [sp, #S_OUT+\at]
    ldr     \p, [sp, #S_PAD]
    cmplo   lr, r12
    ldrlo   \step, [sp, #S_IN+\at]
    addlo   \p, r5, r10
.endm

border:
    mov     r8, #0
    mov     r9, #0
    mov     r10, #0
tap:
    add     r11, sp, #S_KY
    stmia   r11, {r8-r10}
    mov     r11, sp
    LOCATE  r0, r4, 0
    LOCATE  r1, r6, 4
    LOCATE  r2, r7, 8
    ldr     r5, [sp, #S_TAP]
    mov     lr, pc
    ldr     pc, [sp, #S_TAPPC]
    add     r11, sp, #S_KY
    ldmia   r11, {r8-r12, lr}       @ row, column, offset, KH, KW, PS
    add     r9, r9, #1
    add     r10, r10, lr
    cmp     r9, r12
    blo     tap
    ldr     r7, [sp, #S_TAPROW]
    mov     r9, #0
    add     r8, r8, #1
    add     r10, r10, r7
    cmp     r8, r11
    blo     tap
    b       panel_done
