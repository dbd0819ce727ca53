/* C[M,N] (+)= A[M,K] B[K,N], bytes of A x int16 B -> int32: 2x4 outer block, unrolled over 32 pairs of k.
 *
 * A panel (2 rows), one word for each pair k, k+1, bytes low first; b = weight of row 0, u = weight of row 1 + 128:
 *     p = u[k], b[k], u[k+1], b[k+1]
 * B panel (4 columns): four words that start the sums, -128 * sum of the column; then for each pair one word for
 * each column, halves low | high: B[k] | B[k+1].
 *
 * A half of p is 256 b + u as a signed number, and of m = p & 0x00ff00ff it is u: one AND for four weights. One
 * accumulator takes the products of p, the other those of m; the start takes off the 128 in u. At the block's end
 * they hold 256 * sum0 + sum1 and sum1, so that sum0 = (first - second) >> 8, exactly. 16 MAC in 22 cycles.
 * The A stream carries one word behind each chunk of 32 pairs (the first chunk of a panel is the short one): 0 ends
 * the block, anything else continues.
 *
 * r0 A stream   r1 B stream   r2-r5 sums of p, r6-r9 of m, by column   r10 mask   r11 p   r12 m   sp, lr columns
 * The state block holds the rest; interrupts have stacks of their own.
 */
#include "asm.h"

#define S_A        0   /* A panel of this row of blocks  | one LDM */
#define S_C        4   /* C of this block                | */
#define S_LDC      8   /* bytes from row to row of C     | */
#define S_ENTRY   12   /* where to enter the body  | one LDM */
#define S_MASK    16   /* 0x00ff00ff               | */
#define S_END     20   /* B stream, one word read ahead, at which this run of blocks ends */
#define S_ADD     24   /* nonzero: add to C */
#define S_SP      28
#define S_B       32   /* first B panel */
#define S_M       36   /* rows left */
#define S_N       40
#define S_COLS    44   /* columns behind the full B panels: 0 to 3 */
#define S_FULL    48   /* S_END of the full B panels */
#define S_CROW    52   /* C of this row of blocks */
#define S_CLDC    56   /* the caller's ldc, bytes */
#define S_CADD    60   /* the caller's `accumulate` */
#define S_PANEL   64   /* bytes of a B panel */
#define S_APANEL  68   /* bytes of an A panel */
#define S_RIMC    72   /* C of this rim block */
#define S_RIMN    76   /* columns left in the rim; 0 in a run of full blocks */
#define S_RIM     80   /* 8 words: a rim block */

.macro STEP
    ldr     lr, [r1], #4            @ column 1
    and     r12, r11, r10
    smlabb  r2, r11, sp, r2
    smlabb  r6, r12, sp, r6
    smlatt  r2, r11, sp, r2
    smlatt  r6, r12, sp, r6
    ldr     sp, [r1], #4            @ column 2
    smlabb  r3, r11, lr, r3
    smlabb  r7, r12, lr, r7
    smlatt  r3, r11, lr, r3
    smlatt  r7, r12, lr, r7
    ldr     lr, [r1], #4            @ column 3
    smlabb  r4, r11, sp, r4
    smlabb  r8, r12, sp, r8
    smlatt  r4, r11, sp, r4
    smlatt  r8, r12, sp, r8
    ldr     sp, [r1], #4            @ column 0 of the next step, or the start of a sum in the next panel
    smlabb  r5, r11, lr, r5
    smlabb  r9, r12, lr, r9
    smlatt  r5, r11, lr, r5
    ldr     r11, [r0], #4           @ p of the next step, or the word that ends the chunk
    smlatt  r9, r12, lr, r9
.endm
#define STEP_BYTES 88
#define UNROLL 32

FUNCTION gemm_s8_2x4_outer_u32
    push    {r4-r11, lr}
    mov     r11, #STATE_BASE
    ldmia   r0, {r0-r7}             @ a b c m n pairs ldc accumulate
    str     sp, [r11, #S_SP]
    mov     r6, r6, lsl #2
    str     r0, [r11, #S_A]
    str     r1, [r11, #S_B]
    str     r3, [r11, #S_M]
    str     r4, [r11, #S_N]
    str     r2, [r11, #S_CROW]
    str     r6, [r11, #S_CLDC]
    str     r7, [r11, #S_CADD]
    mov     r10, #0x00ff0000
    orr     r10, r10, #0xff
    str     r10, [r11, #S_MASK]
    @ entry: the first chunk has ((pairs-1) mod 32) + 1 steps
    sub     r8, r5, #1
    and     r8, r8, #(UNROLL-1)
    rsb     r8, r8, #(UNROLL-1)     @ steps to leave out
    mov     r6, #STEP_BYTES
    adr     r9, body
    mla     r9, r8, r6, r9
    add     r8, r5, #(UNROLL-1)
    str     r9, [r11, #S_ENTRY]
    add     r8, r5, r8, lsr #5      @ pairs + chunks
    mov     r8, r8, lsl #2
    str     r8, [r11, #S_APANEL]
    add     r5, r5, #1
    mov     r5, r5, lsl #4
    str     r5, [r11, #S_PANEL]
    mov     r9, r4, lsr #2
    add     r6, r1, #4
    mla     r8, r9, r5, r6
    and     r4, r4, #3
    str     r4, [r11, #S_COLS]
    str     r8, [r11, #S_FULL]

row:                                @ a row of blocks; r3 = rows left
    ldr     r4, [r11, #S_CROW]
    ldr     r8, [r11, #S_FULL]
    ldr     r1, [r11, #S_B]
    cmp     r3, #2
    blo     rim_row
    add     r9, r1, #4
    cmp     r8, r9
    beq     rim_row
    ldr     r6, [r11, #S_CLDC]
    ldr     r7, [r11, #S_CADD]
    mov     r5, #0
    str     r5, [r11, #S_RIMN]
run:                                @ blocks with one A panel: B panels from r1 on, C left to right
    ldr     r0, [r11, #S_A]
    str     r4, [r11, #S_C]
    str     r6, [r11, #S_LDC]
    str     r7, [r11, #S_ADD]
    str     r8, [r11, #S_END]
    ldr     sp, [r1], #4
    b       block

end_add:
    ldmia   r12, {r10, sp}
    add     r2, r10, r2, asr #8
    ldr     r10, [r12, #8]
    add     r3, sp, r3, asr #8
    ldr     sp, [r12, #12]
    add     r4, r10, r4, asr #8
    add     r10, r12, lr
    add     r5, sp, r5, asr #8
    stmia   r12, {r2-r5}
    ldmia   r10, {r2-r5}
    add     r6, r6, r2
    add     r7, r7, r3
    add     r8, r8, r4
    add     r9, r9, r5
    ldr     sp, [r1, #-4]
    b       stored

body:
    .rept UNROLL
    STEP
    .endr
    cmp     r11, #0
    ldrne   r11, [r0], #4
    bne     body

    mov     r11, #STATE_BASE        @ sp holds the first word of the next panel
    ldr     r10, [r11, #S_ADD]
    ldmia   r11, {r0, r12, lr}      @ S_A, S_C, S_LDC
    sub     r2, r2, r6
    sub     r3, r3, r7
    sub     r4, r4, r8
    sub     r5, r5, r9
    cmp     r10, #0
    bne     end_add
    mov     r2, r2, asr #8
    mov     r3, r3, asr #8
    mov     r4, r4, asr #8
    mov     r5, r5, asr #8
    stmia   r12, {r2-r5}
    add     r10, r12, lr
stored:
    stmia   r10, {r6-r9}
    ldr     r3, [r11, #S_END]
    add     r12, r12, #16
    str     r12, [r11, #S_C]
    cmp     r1, r3
    beq     run_end
block:                              @ r0 at A, sp first word of the B panel
    ldr     lr, [r11, #S_ENTRY]
    ldr     r10, [r11, #S_MASK]
    ldmia   r1!, {r3-r5}
    mov     r2, sp
    ldr     sp, [r1], #4
    ldr     r11, [r0], #4
    mov     r6, r2
    mov     r7, r3
    mov     r8, r4
    mov     r9, r5
    mov     pc, lr

run_end:
    ldr     r3, [r11, #S_RIMN]
    ldr     r5, [r11, #S_COLS]
    sub     r1, r1, #4
    cmp     r3, #0
    bne     rim_done
    cmp     r5, #0
    beq     row_done
    mov     r4, r12
    b       rim_first
rim_row:                            @ fewer than two rows or four columns: every block by way of the state block
    ldr     r5, [r11, #S_N]
rim_first:
    str     r5, [r11, #S_RIMN]
    str     r4, [r11, #S_RIMC]
rim:
    ldr     r8, [r11, #S_PANEL]
    mov     r7, #0
    add     r8, r8, r1
    add     r8, r8, #4
    mov     r6, #16
    add     r4, r11, #S_RIM
    b       run

/* Copy or add the valid part of a rim block to C; r11 = state, r1 at the next B panel. */
rim_done:
    ldr     r2, [r11, #S_M]
    ldr     r4, [r11, #S_RIMC]
    ldr     r5, [r11, #S_CLDC]
    ldr     r12, [r11, #S_CADD]
    cmp     r2, #2
    movhi   r2, #2
    subs    lr, r3, #4
    movlt   lr, #0
    str     lr, [r11, #S_RIMN]
    movhi   r3, #4
    add     r6, r11, #S_RIM
    add     r7, r4, #16
    str     r7, [r11, #S_RIMC]
1:  mov     r7, r3
    mov     r8, r6
    mov     r9, r4
2:  ldr     r10, [r8], #4
    cmp     r12, #0
    ldrne   sp, [r9]
    addne   r10, r10, sp
    str     r10, [r9], #4
    subs    r7, r7, #1
    bne     2b
    add     r6, r6, #16
    add     r4, r4, r5
    subs    r2, r2, #1
    bne     1b
    cmp     lr, #0
    bgt     rim

row_done:
    ldr     r3, [r11, #S_M]
    ldr     r4, [r11, #S_CROW]
    ldr     r5, [r11, #S_CLDC]
    ldr     r0, [r11, #S_A]
    ldr     r6, [r11, #S_APANEL]
    subs    r3, r3, #2
    str     r3, [r11, #S_M]
    add     r0, r0, r6
    add     r4, r4, r5, lsl #1
    str     r4, [r11, #S_CROW]
    str     r0, [r11, #S_A]
    bgt     row
    ldr     sp, [r11, #S_SP]
    pop     {r4-r11, pc}
