/* y[M] (+)= A[M,K] x[K], int16 x int16 -> int32: nine rows at a time, unrolled over 16 pairs of k.
 *
 * A panel (9 rows): nine words for each pair k, k+1, halves A[r,k] | A[r,k+1]. x likewise: x[k] | x[k+1].
 * 18 MAC in 28 cycles. The rows go in threes, so that no accumulator is used twice running and every load has two
 * instructions before its use.
 * The A stream carries one word behind each chunk of 16 pairs (the first chunk of a panel is the short one): 0 ends
 * the block, anything else continues.
 *
 * r0 A stream   r1 x stream   r2-r10 accumulators   r11 x   r12, sp, lr rows
 * The state block holds the rest; interrupts have stacks of their own.
 */
#include "asm.h"

#define S_X        0
#define S_ENTRY    4
#define S_M        8   /* rows left */
#define S_Y       12   /* y of this block */
#define S_ADD     16   /* nonzero: add to y */
#define S_SP      20
#define S_TAIL    24   /* 9 words: sums of a block that has fewer rows */

.macro STEP
    ldr     sp, [r0], #4
    ldr     lr, [r0], #4
    smlabb  r2, r12, r11, r2
    smlabb  r3, sp, r11, r3
    smlabb  r4, lr, r11, r4
    smlatt  r2, r12, r11, r2
    ldr     r12, [r0], #4
    smlatt  r3, sp, r11, r3
    ldr     sp, [r0], #4
    smlatt  r4, lr, r11, r4
    ldr     lr, [r0], #4
    smlabb  r5, r12, r11, r5
    smlabb  r6, sp, r11, r6
    smlabb  r7, lr, r11, r7
    smlatt  r5, r12, r11, r5
    ldr     r12, [r0], #4
    smlatt  r6, sp, r11, r6
    ldr     sp, [r0], #4
    smlatt  r7, lr, r11, r7
    ldr     lr, [r0], #4
    smlabb  r8, r12, r11, r8
    smlabb  r9, sp, r11, r9
    smlabb  r10, lr, r11, r10
    smlatt  r8, r12, r11, r8
    ldr     r12, [r0], #4           @ row 0 of the next step, or the word that ends the chunk
    smlatt  r9, sp, r11, r9
    smlatt  r10, lr, r11, r10
    ldr     r11, [r1], #4           @ x of the next step
.endm
#define STEP_BYTES 112
#define UNROLL 16
#define ROWS 9

FUNCTION gemv_s16_9_u16
    push    {r4-r11, lr}
    mov     r11, #STATE_BASE
    ldmia   r0, {r0-r5}             @ a x y m pairs accumulate
    str     sp, [r11, #S_SP]
    str     r1, [r11, #S_X]
    str     r2, [r11, #S_Y]
    str     r3, [r11, #S_M]
    str     r5, [r11, #S_ADD]
    @ entry: the first chunk has ((pairs-1) mod 16) + 1 steps
    sub     r8, r4, #1
    and     r8, r8, #(UNROLL-1)
    rsb     r8, r8, #(UNROLL-1)     @ steps to leave out
    mov     r6, #STEP_BYTES
    adr     r9, body
    mla     r9, r8, r6, r9
    str     r9, [r11, #S_ENTRY]
    b       block

add:                                @ a full block: y is read in threes
    ldmia   sp!, {r1, r12, lr}
    add     r2, r2, r1
    add     r3, r3, r12
    add     r4, r4, lr
    ldmia   sp!, {r1, r12, lr}
    add     r5, r5, r1
    add     r6, r6, r12
    add     r7, r7, lr
    ldmia   sp, {r1, r12, lr}
    sub     sp, sp, #24
    add     r8, r8, r1
    add     r9, r9, r12
    add     r10, r10, lr
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
    subs    r12, r12, #ROWS
    str     r12, [r11, #S_M]
    blt     tail
    cmp     lr, #0
    bne     add
store:
    stmia   sp!, {r2-r10}
    cmp     r12, #0
    str     sp, [r11, #S_Y]
    beq     done
block:
    ldmia   r11, {r1, lr}           @ S_X, S_ENTRY
    ldr     r12, [r0], #4
    mov     r2, #0
    ldr     r11, [r1], #4
    mov     r3, #0
    mov     r4, #0
    mov     r5, #0
    mov     r6, #0
    mov     r7, #0
    mov     r8, #0
    mov     r9, #0
    mov     r10, #0
    mov     pc, lr

tail:                               @ the last block has r12 + 9 rows
    add     r1, r11, #S_TAIL
    stmia   r1, {r2-r10}
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
