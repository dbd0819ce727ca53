/* U = (2G) g (2G)^T of 3x3 weights, into the panels that winograd_product_s16_2x2_u32.S reads.
 *
 *        | 2  0  0 |
 *   2G = | 1  1  1 |      A panel holds three output channels: position 4i+j of U after the other, each with words as
 *        | 1 -1  1 |      in gemm_s16_3x3_outer_u32.S and a word behind each chunk of 32 pairs (the first one short):
 *        | 0  0  2 |      1 inside a position, 0 at its end, -1 at the end of the last one.
 *
 * The halves of an output channel stand 0, 2 or 4 bytes from the panel's start for even k, and 8, 8 or 2 bytes on for
 * odd k. Input and output channels that do not exist are zero.
 *
 * r0 weights   r1 out   r2-r10 g, row-major   r11, r12 temporary   sp from even to odd k   lr bytes of a position
 */
#include "asm.h"

#define S_SP       0
#define S_M        4   /* output channels left */
#define S_C        8
#define S_FIRST   12   /* pairs of the first chunk */
#define S_PAIRS   16
#define S_SLOT    20   /* output channel in its panel */
#define S_PANEL   24
#define S_N       28   /* pairs left in this run */
#define S_FULL    32   /* pairs left that have both channels */
#define S_CHUNK   36   /* pairs left in this chunk */
#define S_ZEROS   40   /* channels left that do not exist */

#define UNROLL 32

/* Row (a, b, c) times (2G)^T, all times 2 if `twice`. */
.macro HORIZONTAL a, b, c, twice
    mov     r11, \a, lsl #(1 + \twice)
    strh    r11, [r1], lr
    add     r11, \a, \c
    add     r12, r11, \b
    .if \twice
    mov     r12, r12, lsl #1
    .endif
    strh    r12, [r1], lr
    sub     r12, r11, \b
    .if \twice
    mov     r12, r12, lsl #1
    .endif
    strh    r12, [r1], lr
    mov     r12, \c, lsl #(1 + \twice)
    strh    r12, [r1], lr
.endm

/* One input channel; leaves r1 16 positions behind where it was. */
.macro CHANNEL
    ldrsb   r2, [r0]
    ldrsb   r4, [r0, #2]
    ldrsb   r3, [r0, #1]
    ldrsb   r5, [r0, #3]
    ldrsb   r6, [r0, #4]
    ldrsb   r7, [r0, #5]
    ldrsb   r8, [r0, #6]
    ldrsb   r9, [r0, #7]
    ldrsb   r10, [r0, #8]
    add     r0, r0, #9
    HORIZONTAL r2, r3, r4, 1
    add     r2, r2, r8
    add     r3, r3, r9
    add     r4, r4, r10
    add     r5, r5, r2
    add     r6, r6, r3
    add     r7, r7, r4
    HORIZONTAL r5, r6, r7, 0
    rsb     r2, r5, r2, lsl #1
    rsb     r3, r6, r3, lsl #1
    rsb     r4, r7, r4, lsl #1
    HORIZONTAL r2, r3, r4, 0
    HORIZONTAL r8, r9, r10, 1
.endm

FUNCTION winograd_weight_s8_2x2
    push    {r4-r11, lr}
    ldmia   r0, {r0-r3}             @ w u m channels
    mov     r12, #STATE_BASE
    str     sp, [r12, #S_SP]
    str     r1, [r12, #S_PANEL]
    str     r2, [r12, #S_M]
    str     r3, [r12, #S_C]
    add     r4, r3, #3
    mov     r4, r4, lsr #2
    mov     r4, r4, lsl #1          @ pairs
    str     r4, [r12, #S_PAIRS]
    add     r5, r4, #(UNROLL-1)
    mov     r5, r5, lsr #5          @ chunks
    sub     r6, r4, #1
    and     r6, r6, #(UNROLL-1)
    add     r6, r6, #1
    str     r6, [r12, #S_FIRST]
    add     lr, r4, r4, lsl #1
    add     lr, r5, lr
    mov     lr, lr, lsl #2
    mov     r7, #0
    str     r7, [r12, #S_SLOT]

row:                                @ r12 state, r7 slot: the next output channel
    ldr     r1, [r12, #S_PANEL]
    ldr     r2, [r12, #S_M]
    ldr     r3, [r12, #S_C]
    ldr     r4, [r12, #S_PAIRS]
    ldr     r5, [r12, #S_FIRST]
    add     r1, r1, r7, lsl #1
    cmp     r7, #2
    mov     sp, #8
    moveq   sp, #2
    subs    r2, r2, #1
    str     r2, [r12, #S_M]
    movmi   r3, #0
    rsb     r4, r3, r4, lsl #1
    str     r4, [r12, #S_ZEROS]
    str     r5, [r12, #S_CHUNK]
    movs    r4, r3, lsr #1
    str     r4, [r12, #S_FULL]
    beq     rest
run:                                @ r4 pairs with both channels, r5 pairs to the end of the chunk
    cmp     r4, r5
    movhi   r6, r5
    movls   r6, r4
    str     r6, [r12, #S_N]
    sub     r4, r4, r6
    sub     r5, r5, r6
    str     r4, [r12, #S_FULL]
    str     r5, [r12, #S_CHUNK]
pair:
    CHANNEL
    sub     r1, r1, lr, lsl #4
    add     r1, r1, sp
    CHANNEL
    mov     r12, #STATE_BASE
    ldr     r2, [r12, #S_N]
    sub     r1, r1, lr, lsl #4
    add     r1, r1, #12
    sub     r1, r1, sp
    subs    r2, r2, #1
    str     r2, [r12, #S_N]
    bne     pair
    ldr     r5, [r12, #S_CHUNK]
    ldr     r4, [r12, #S_FULL]
    cmp     r5, #0
    addeq   r1, r1, #4              @ past the word behind the chunk
    moveq   r5, #UNROLL
    streq   r5, [r12, #S_CHUNK]
    cmp     r4, #0
    bne     run
rest:                               @ an odd last channel, then zeros
    ldr     r3, [r12, #S_C]
    ldr     r2, [r12, #S_M]
    tst     r3, #1
    beq     zeros
    cmp     r2, #0
    blt     zeros
    CHANNEL
    mov     r12, #STATE_BASE
    sub     r1, r1, lr, lsl #4
    add     r1, r1, sp
zeros:
    ldr     r2, [r12, #S_ZEROS]
    mov     r4, #0
    cmp     r2, #0
    beq     row_end
zero:
    .rept 16
    strh    r4, [r1], lr
    .endr
    sub     r1, r1, lr, lsl #4
    tst     r2, #1                  @ zeros end at an even count: an odd one left follows the second of a pair
    addeq   r1, r1, sp
    addne   r1, r1, #12
    subne   r1, r1, sp
    bne     zero_pair
zero_next:
    subs    r2, r2, #1
    bne     zero
row_end:
    ldr     r7, [r12, #S_SLOT]
    add     r7, r7, #1
    cmp     r7, #3
    moveq   r7, #0
    str     r7, [r12, #S_SLOT]
    bne     row

    ldr     r1, [r12, #S_PANEL]     @ the words behind the chunks
    ldr     r4, [r12, #S_PAIRS]
    ldr     r5, [r12, #S_FIRST]
    mov     r2, #16
position:
    mov     r6, r5
    mov     r8, r4
word:
    add     r3, r6, r6, lsl #1
    add     r1, r1, r3, lsl #2
    subs    r8, r8, r6
    mov     r3, #1
    moveq   r3, #0
    cmpeq   r2, #1
    mvneq   r3, #0
    str     r3, [r1], #4
    mov     r6, #UNROLL
    cmp     r8, #0
    bne     word
    subs    r2, r2, #1
    bne     position
    str     r1, [r12, #S_PANEL]
    ldr     r2, [r12, #S_M]
    mov     r7, #0
    cmp     r2, #0
    bgt     row
    ldr     sp, [r12, #S_SP]
    pop     {r4-r11, pc}

zero_pair:                          @ a pair of zeros may end a chunk (only in output channels that do not exist)
    ldr     r5, [r12, #S_CHUNK]
    ldr     r3, [r12, #S_M]
    cmp     r3, #0
    bge     zero_next
    subs    r5, r5, #1
    addeq   r1, r1, #4
    moveq   r5, #UNROLL
    str     r5, [r12, #S_CHUNK]
    b       zero_next
