/* y[M] (+)= A[M,K] x[K], bytes of A x int16 x -> int32: eight rows at a time, unrolled over 16 pairs of k.
 *
 * A panel (8 rows), four words for each pair k, k+1, bytes low first; b = weight of row r, u = weight of row r+1 + 128:
 *     p = u[k], b[k], u[k+1], b[k+1]      r = 0, 2, 4, 6
 * x: one word that starts the sums, -128 * sum of x; then for each pair a word, halves low | high: x[k] | x[k+1].
 *
 * A half of p is 256 b + u as a signed number, and of m = p & 0x00ff00ff it is u: one AND for four weights. One
 * accumulator takes the products of p, the other those of m; the start takes off the 128 in u. At the block's end
 * they hold 256 * sum[r] + sum[r+1] and sum[r+1], so that sum[r] = (first - second) >> 8. 16 MAC in 25 cycles.
 * The A stream carries one word behind each chunk of 16 pairs (the first chunk of a panel is the short one): 0 ends
 * the block, anything else continues.
 *
 * r0 A stream   r1 x stream   r2-r9 accumulators   r10 mask   r11 x   r12, sp p   lr m
 * The state block holds the rest; interrupts have stacks of their own.
 */
#include "asm.h"

#define S_X        0
#define S_ENTRY    4
#define S_M        8   /* rows left */
#define S_Y       12   /* y of this block */
#define S_ADD     16   /* nonzero: add to y */
#define S_SP      20
#define S_TAIL    24   /* 8 words: sums of a block that has fewer rows */

.macro STEP
    ldr     sp, [r0], #4            @ rows 2, 3
    and     lr, r12, r10
    smlabb  r2, r12, r11, r2
    smlabb  r3, lr, r11, r3
    smlatt  r2, r12, r11, r2
    ldr     r12, [r0], #4           @ rows 4, 5
    smlatt  r3, lr, r11, r3
    and     lr, sp, r10
    smlabb  r4, sp, r11, r4
    smlabb  r5, lr, r11, r5
    smlatt  r4, sp, r11, r4
    ldr     sp, [r0], #4            @ rows 6, 7
    smlatt  r5, lr, r11, r5
    and     lr, r12, r10
    smlabb  r6, r12, r11, r6
    smlabb  r7, lr, r11, r7
    smlatt  r6, r12, r11, r6
    ldr     r12, [r0], #4           @ rows 0, 1 of the next step, or the word that ends the chunk
    smlatt  r7, lr, r11, r7
    and     lr, sp, r10
    smlabb  r8, sp, r11, r8
    smlabb  r9, lr, r11, r9
    smlatt  r8, sp, r11, r8
    smlatt  r9, lr, r11, r9
    ldr     r11, [r1], #4           @ x of the next step
.endm
#define STEP_BYTES 100
#define UNROLL 16
#define ROWS 8

FUNCTION gemv_s8_8_u16
    push    {r4-r11, lr}
    mov     r11, #STATE_BASE
    ldmia   r0, {r0-r5}             @ a x y m pairs accumulate
    str     sp, [r11, #S_SP]
    str     r1, [r11, #S_X]
    str     r2, [r11, #S_Y]
    str     r3, [r11, #S_M]
    str     r5, [r11, #S_ADD]
    mov     r10, #0x00ff0000
    orr     r10, r10, #0xff
    @ entry: the first chunk has ((pairs-1) mod 16) + 1 steps
    sub     r8, r4, #1
    and     r8, r8, #(UNROLL-1)
    rsb     r8, r8, #(UNROLL-1)     @ steps to leave out
    mov     r6, #STEP_BYTES
    adr     r9, body
    mla     r9, r8, r6, r9
    str     r9, [r11, #S_ENTRY]
    b       block

add:                                @ a full block
    ldmia   sp, {r1, r12, lr}
    add     r2, r1, r2
    add     r3, r12, r3
    add     r4, lr, r4
    ldr     r1, [sp, #12]
    ldr     r12, [sp, #16]
    ldr     lr, [sp, #20]
    add     r5, r1, r5
    add     r6, r12, r6
    add     r7, lr, r7
    ldr     r1, [sp, #24]
    ldr     r12, [sp, #28]
    add     r8, r1, r8
    add     r9, r12, r9
    ldr     r12, [r11, #S_M]
    b       store

body:
    .rept UNROLL
    STEP
    .endr
    cmp     r12, #0
    ldrne   r12, [r0], #4
    bne     body

    mov     r11, #STATE_BASE
    ldr     r12, [r11, #S_M]
    ldr     lr, [r11, #S_ADD]
    ldr     sp, [r11, #S_Y]
    sub     r2, r2, r3
    sub     r4, r4, r5
    sub     r6, r6, r7
    sub     r8, r8, r9
    mov     r2, r2, asr #8
    mov     r4, r4, asr #8
    mov     r6, r6, asr #8
    mov     r8, r8, asr #8
    subs    r12, r12, #ROWS
    str     r12, [r11, #S_M]
    blt     tail
    cmp     lr, #0
    bne     add
store:
    stmia   sp!, {r2-r9}
    cmp     r12, #0
    str     sp, [r11, #S_Y]
    beq     done
block:
    ldmia   r11, {r1, lr}           @ S_X, S_ENTRY
    ldr     r12, [r0], #4
    ldr     r2, [r1], #4
    ldr     r11, [r1], #4
    mov     r3, r2
    mov     r4, r2
    mov     r5, r2
    mov     r6, r2
    mov     r7, r2
    mov     r8, r2
    mov     r9, r2
    mov     pc, lr

tail:                               @ the last block has r12 + 8 rows
    add     r1, r11, #S_TAIL
    stmia   r1, {r2-r9}
    add     r12, r12, #ROWS
1:  ldr     r2, [r1], #4
    cmp     lr, #0
    ldrne   r3, [sp]
    addne   r2, r2, r3
    str     r2, [sp], #4
    subs    r12, r12, #1
    bne     1b
done:
    ldr     sp, [r11, #S_SP]
    pop     {r4-r11, pc}
