/* Bytes, pixel by pixel, to int16 planes with a border: four channels of two pixels at a time, 2 cycles an element.
 *
 * Bytes a0..a3 and b0..b3 of two pixels become a0|b0, a1|b1, a2|b2, a3|b3: the words swap halves by exclusive-ors,
 * then two masks cut each into two. A row whose first pixel is the upper half of a word begins with that pixel alone,
 * and a pixel without a partner ends it. The border is written first, over everything, in words.
 *
 * r0 x   r1 first of four planes   r2 bytes of a pixel   r3, r4, r5 bytes of one, two, three planes   r6 mask
 * r7 flip   r8-r11 work   r12 rounds left   lr words of channels left   sp state block
 */
#include "asm.h"

#define UNROLL  4
#define FILL    32

#define S_LEAD   0    /* one pixel alone first?  | one LDM */
#define S_ENTRY  4    /* into the loop           | */
#define S_ROUNDS 8    /*                         | */
#define S_TAIL  12    /* one pixel alone last? */
#define S_XG    16    /* to the next four channels: x, y */
#define S_YG    20
#define S_XR    24    /* to the next row: x, y */
#define S_YR    28
#define S_ROWS  32
#define S_WORDS 36
#define S_SP    40

.macro PAIR
    ldr     r8, [r0], r2
    ldr     r9, [r0], r2
    eor     r8, r8, r7
    eor     r9, r9, r7
    eor     r10, r8, r9, lsl #16
    eor     r11, r9, r10, lsr #16   @ a2 a3 b2 b3
    eor     r10, r10, r11, lsl #16  @ a0 a1 b0 b1
    and     r8, r6, r10, lsr #8
    and     r10, r10, r6
    and     r9, r6, r11, lsr #8
    and     r11, r11, r6
    str     r8, [r1, r3]
    str     r9, [r1, r5]
    str     r11, [r1, r4]
    str     r10, [r1], #4
.endm
#define PAIR_BYTES 60

.macro SINGLE
    ldr     r8, [r0], r2
    eor     r8, r8, r7
    and     r9, r8, r6
    and     r10, r6, r8, lsr #8
    mov     r8, r9, lsr #16
    strh    r10, [r1, r3]
    mov     r10, r10, lsr #16
    strh    r8, [r1, r4]
    strh    r10, [r1, r5]
    strh    r9, [r1], #2
.endm

FUNCTION planes_u8_s16
    push    {r4-r11, lr}
    mov     r12, #STATE_BASE
    str     sp, [r12, #S_SP]
    mov     sp, r12
    ldmia   r0, {r0-r12}            @ x y corner rows columns words x_pixel x_row y_row y_plane fill border flip
    str     r3, [sp, #S_ROWS]
    str     r5, [sp, #S_WORDS]
    add     r2, r1, r2
    rsb     lr, r10, #0
    and     lr, lr, #(FILL-1)
    add     r10, r10, #(FILL-1)
    movs    r10, r10, lsr #5
    beq     filled
    add     pc, pc, lr, lsl #2
    nop
0:  .rept FILL
    str     r11, [r1], #4
    .endr
    subs    r10, r10, #1
    bne     0b
filled:
    mov     r1, r2
    @ steps from group to group of channels and from row to row
    mul     r3, r4, r6
    rsb     r3, r3, #4
    str     r3, [sp, #S_XG]
    mov     r3, r9, lsl #2
    sub     r10, r3, r4, lsl #1
    str     r10, [sp, #S_YG]
    sub     r10, r7, r5, lsl #2
    str     r10, [sp, #S_XR]
    mul     r10, r3, r5
    sub     r10, r8, r10
    str     r10, [sp, #S_YR]
    @ a row: one pixel, pairs, one pixel
    mov     r10, r1, lsr #1
    and     r10, r10, #1
    str     r10, [sp, #S_LEAD]
    sub     r4, r4, r10
    and     r10, r4, #1
    str     r10, [sp, #S_TAIL]
    mov     r4, r4, lsr #1
    rsb     r10, r4, #0
    and     r10, r10, #(UNROLL-1)
    rsb     r10, r10, r10, lsl #4
    adr     r11, pairs
    add     r11, r11, r10, lsl #2   @ PAIR_BYTES each
    str     r11, [sp, #S_ENTRY]
    add     r4, r4, #(UNROLL-1)
    mov     r4, r4, lsr #2
    str     r4, [sp, #S_ROUNDS]
    mov     r2, r6
    mov     r7, r12
    mov     r3, r9
    mov     r4, r9, lsl #1
    add     r5, r3, r4
    mov     r6, #0xff
    orr     r6, r6, #0xff0000
row:
    ldr     lr, [sp, #S_WORDS]
group:
    ldmia   sp, {r8, r11, r12}
    cmp     r8, #0
    beq     1f
    SINGLE
1:  cmp     r12, #0
    beq     2f
    bx      r11
pairs:
    .rept UNROLL
    PAIR
    .endr
    subs    r12, r12, #1
    bne     pairs
2:  ldr     r8, [sp, #S_TAIL]
    ldr     r11, [sp, #S_XG]
    cmp     r8, #0
    beq     3f
    SINGLE
3:  ldr     r8, [sp, #S_YG]
    add     r0, r0, r11
    subs    lr, lr, #1
    add     r1, r1, r8
    bne     group
    ldr     r10, [sp, #S_ROWS]
    ldr     r8, [sp, #S_XR]
    ldr     r9, [sp, #S_YR]
    subs    r10, r10, #1
    str     r10, [sp, #S_ROWS]
    add     r0, r0, r8
    add     r1, r1, r9
    bne     row
    ldr     sp, [sp, #S_SP]
    pop     {r4-r11, pc}
