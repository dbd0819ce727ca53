/* Row sums of int8 to int32: 5 cycles a word of four.
 *
 * Bytes count from -128. With w such a word, E = sum of w & 0x00ff00ff = s0 | s2 << 16 and Q = sum of w >> 8 =
 * s1 + s2 << 8 + s3 << 16 take 256 words before a lane could overflow; then s0 + s1 + s2 + s3 goes to the row's sum.
 *
 * r0 x   r1 y   r2 rows left   r3 0x80808080   r4 E   r5 Q   r6 word   r7 its even bytes, added one word later
 * r8 sum   r9 rounds left in the run   r10 rounds behind it   r11 rounds of the first run   r12 0x00ff00ff
 * lr where a row enters the body.  State block: -128 * columns, rounds behind the first run.
 */
#include "asm.h"

#define UNROLL 8
#define RUN 32

#define S_BIAS 0 /* | one LDM */
#define S_REST 4 /* | */

FUNCTION reduce_sum_s8
    push    {r4-r11, lr}
    ldmia   r0, {r0-r3}             @ x y rows words
    mov     r12, #STATE_BASE
    add     r10, r3, #(UNROLL-1)
    mov     r10, r10, lsr #3
    sub     r11, r10, #1
    and     r11, r11, #(RUN-1)
    add     r11, r11, #1            @ the first run is the short one
    sub     r10, r10, r11
    str     r10, [r12, #S_REST]
    rsb     r3, r3, #0
    mov     r4, r3, lsl #9
    str     r4, [r12, #S_BIAS]
    and     r3, r3, #(UNROLL-1)
    add     r3, r3, r3, lsl #2
    adr     lr, 1f
    add     lr, lr, r3, lsl #2      @ 5 instructions a word
    mov     r3, #0x80
    orr     r3, r3, r3, lsl #8
    orr     r3, r3, r3, lsl #16
    mov     r12, #0xff
    orr     r12, r12, r12, lsl #16
0:  mov     r6, #STATE_BASE
    ldmia   r6, {r8, r10}
    mov     r9, r11
    mov     r4, #0
    mov     r5, #0
    mov     r7, #0
    bx      lr
1:  .rept UNROLL
    ldr     r6, [r0], #4
    add     r4, r4, r7
    eor     r6, r6, r3
    add     r5, r5, r6, lsr #8
    and     r7, r12, r6
    .endr
    subs    r9, r9, #1
    bne     1b
    add     r4, r4, r7
    mov     r6, r4, lsr #16         @ s2
    sub     r5, r5, r6, lsl #8      @ s1 | s3 << 16
    sub     r4, r4, r6, lsl #16     @ s0
    add     r4, r4, r6
    mov     r6, r5, lsr #16         @ s3
    sub     r5, r5, r6, lsl #16
    add     r4, r4, r6
    add     r8, r8, r4
    add     r8, r8, r5
    mov     r4, #0
    mov     r5, #0
    mov     r7, #0
    mov     r9, #RUN
    subs    r10, r10, #RUN
    bpl     1b
    str     r8, [r1], #4
    subs    r2, r2, #1
    bne     0b
    pop     {r4-r11, pc}
