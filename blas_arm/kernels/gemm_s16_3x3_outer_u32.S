/* C[M,N] (+)= A[M,K] B[K,N], int16 x int16 -> int32: 3x3 outer block, unrolled over 32 pairs of k.
 *
 * A panel (3 rows) and B panel (3 columns), three words for each pair k, k+1 (halves written low | high):
 *
 *     w0 = A[0,k] | A[1,k]      w1 = A[2,k] | A[2,k+1]      w2 = A[0,k+1] | A[1,k+1]
 *     v0 = B[k,0] | B[k,1]      v1 = B[k,2] | B[k+1,2]      v2 = B[k+1,0] | B[k+1,1]
 *
 * Only three words live at a time, so the fourth operand register is always the target of the next load and no
 * cycle is lost: 18 MAC in 24 cycles. The A stream carries one word behind each chunk of 32 pairs (the first chunk
 * of a panel is the short one): 0 ends the block, anything else continues. That saves the loop counter.
 * A block begins with five multiplies of its first step, not accumulated, and enters the body behind them: five
 * accumulators need no clearing, and the fourth operand register can hold the place to enter.
 *
 * r0 A stream   r1 B stream   r2-r10 accumulators, row-major   r11, r12, sp, lr rotating operands
 * The state block holds the rest; interrupts have stacks of their own.
 */
#include "asm.h"

#define S_A        0   /* A panel of this row of blocks  | one LDM */
#define S_C        4   /* C of this block                | */
#define S_LDC      8   /* bytes from row to row of C     | */
#define S_ENTRY   12   /* where to enter the body, +1: accumulators start from C */
#define S_END     16   /* B stream, one word read ahead, at which this run of blocks ends */
#define S_SP      20
#define S_B       24   /* first B panel */
#define S_M       28   /* rows left */
#define S_COLS    32   /* columns behind the full B panels: 0, 1 or 2 */
#define S_FULL    36   /* S_END of the full B panels */
#define S_CROW    40   /* C of this row of blocks */
#define S_CLDC    44   /* the caller's ldc, bytes */
#define S_CENTRY  48   /* S_ENTRY for the caller's `accumulate` */
#define S_ZENTRY  52   /* S_ENTRY with accumulators from 0 */
#define S_PANEL   56   /* bytes of a B panel */
#define S_APANEL  60   /* bytes of an A panel */
#define S_N       64
#define S_RIMC    68   /* C of this rim block */
#define S_RIMN    72   /* columns left in the rim; 0 in a run of full blocks */
#define S_RIM     76   /* 9 words: a rim block */

.macro STEP a, b, c, d
    ldr     \c, [r0], #4            @ w1
    smlabb  r2, \a, \b, r2
    smlabt  r3, \a, \b, r3
    smlatb  r5, \a, \b, r5
    smlatt  r6, \a, \b, r6
    smlabb  r8, \c, \b, r8
    ldr     \d, [r1], #4            @ v1: a block enters its first step here
    smlabt  r9, \c, \b, r9
    ldr     \b, [r1], #4            @ v2
    smlabb  r4, \a, \d, r4
    smlatb  r7, \a, \d, r7
    ldr     \a, [r0], #4            @ w2
    smlabb  r10, \c, \d, r10
    smlatb  r8, \c, \b, r8
    smlatt  r9, \c, \b, r9
    smlatt  r10, \c, \d, r10
    ldr     \c, [r0], #4            @ w0 of the next step, or the word that ends the chunk
    smlabt  r4, \a, \d, r4
    smlatt  r7, \a, \d, r7
    ldr     \d, [r1], #4            @ v0 of the next step
    smlabb  r2, \a, \b, r2
    smlabt  r3, \a, \b, r3
    smlatb  r5, \a, \b, r5
    smlatt  r6, \a, \b, r6
.endm
#define STEP_ENTRY 24               /* bytes of a step before its entry; a step has 96 */
#define UNROLL 32

FUNCTION gemm_s16_3x3_outer_u32
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
    @ entry: the first chunk has ((pairs-1) mod 32) + 1 steps
    sub     r8, r5, #1
    and     r8, r8, #(UNROLL-1)
    rsb     r8, r8, #(UNROLL-1)     @ steps to leave out
    add     r8, r8, r8, lsl #1
    adr     r9, body
    add     r9, r9, #STEP_ENTRY
    add     r9, r9, r8, lsl #5      @ 96 bytes a step
    str     r9, [r11, #S_ZENTRY]
    cmp     r7, #0
    addne   r9, r9, #1
    str     r9, [r11, #S_CENTRY]
    add     r8, r5, #(UNROLL-1)
    mov     r8, r8, lsr #5          @ chunks
    add     r5, r5, r5, lsl #1
    add     r8, r8, r5
    mov     r5, r5, lsl #2
    mov     r8, r8, lsl #2
    str     r5, [r11, #S_PANEL]
    str     r8, [r11, #S_APANEL]
    @ n / 3 = n * 43691 >> 17, exact below 2**16
    mov     r8, #0xaa00
    orr     r8, r8, #0xab
    mul     r9, r4, r8
    add     r6, r1, #4
    mov     r9, r9, lsr #17
    mla     r8, r9, r5, r6
    add     r9, r9, r9, lsl #1
    sub     r4, r4, r9
    str     r4, [r11, #S_COLS]
    str     r8, [r11, #S_FULL]

row:                                @ a row of blocks; r3 = rows left
    ldr     r4, [r11, #S_CROW]
    ldr     r8, [r11, #S_FULL]
    ldr     r1, [r11, #S_B]
    cmp     r3, #3
    blo     rim_row
    add     r9, r1, #4
    cmp     r8, r9
    beq     rim_row
    ldr     r6, [r11, #S_CLDC]
    ldr     r7, [r11, #S_CENTRY]
    mov     r5, #0
    str     r5, [r11, #S_RIMN]
run:                                @ blocks with one A panel: B panels from r1 on, C left to right
    ldr     r0, [r11, #S_A]
    str     r4, [r11, #S_C]
    str     r6, [r11, #S_LDC]
    str     r7, [r11, #S_ENTRY]
    str     r8, [r11, #S_END]
    mov     lr, r7
    ldr     r12, [r1], #4
    b       first

body:
    .rept UNROLL / 2
    STEP    r11, r12, sp, lr
    STEP    sp, lr, r11, r12
    .endr
    cmp     r11, #0
    ldrne   r11, [r0], #4
    bne     body

    mov     r11, #STATE_BASE        @ r12 holds v0 of the next panel
    ldmia   r11, {r0, sp, lr}       @ S_A, S_C, S_LDC
    stmia   sp, {r2-r4}
    add     r2, sp, #12
    ldr     r3, [r11, #S_END]
    add     sp, sp, lr
    str     r2, [r11, #S_C]
    stmia   sp, {r5-r7}
    add     sp, sp, lr
    ldr     lr, [r11, #S_ENTRY]
    stmia   sp, {r8-r10}
    cmp     r1, r3
    beq     run_end
first:                              @ r0, r1, r12, lr set
    tst     lr, #1
    bne     from_c
    ldr     r11, [r0], #4
    ldr     sp, [r0], #4
    mov     r4, #0
    mov     r7, #0
    mov     r9, #0
    mov     r10, #0
    smulbb  r2, r11, r12
    smulbt  r3, r11, r12
    smultb  r5, r11, r12
    smultt  r6, r11, r12
    smulbb  r8, sp, r12
    mov     pc, lr
from_c:
    ldr     sp, [r11, #S_C]
    ldr     r10, [r11, #S_LDC]
    ldr     r11, [r0], #4
    ldmia   sp, {r2-r4}
    add     sp, sp, r10
    ldmia   sp, {r5-r7}
    add     sp, sp, r10
    ldmia   sp, {r8-r10}
    ldr     sp, [r0], #4
    smlabb  r2, r11, r12, r2
    smlabt  r3, r11, r12, r3
    smlatb  r5, r11, r12, r5
    smlatt  r6, r11, r12, r6
    smlabb  r8, sp, r12, r8
    sub     pc, lr, #1

run_end:
    ldr     r3, [r11, #S_RIMN]
    ldr     r5, [r11, #S_COLS]
    sub     r1, r1, #4
    cmp     r3, #0
    bne     rim_done
    cmp     r5, #0
    beq     row_done
    ldr     r4, [r11, #S_C]
    b       rim_first
rim_row:                            @ fewer than three rows or columns: every block by way of the state block
    ldr     r5, [r11, #S_N]
rim_first:
    str     r5, [r11, #S_RIMN]
    str     r4, [r11, #S_RIMC]
rim:
    ldr     r8, [r11, #S_PANEL]
    ldr     r7, [r11, #S_ZENTRY]
    add     r8, r8, r1
    add     r8, r8, #4
    mov     r6, #12
    add     r4, r11, #S_RIM
    b       run

/* Copy or add the valid part of a rim block to C; r11 = state, r0 behind the A panel, r1 at the next B panel. */
rim_done:
    ldr     r2, [r11, #S_M]
    ldr     r4, [r11, #S_RIMC]
    ldr     r5, [r11, #S_CLDC]
    ldr     r12, [r11, #S_CENTRY]
    cmp     r2, #3
    movhi   r2, #3
    subs    lr, r3, #3
    movlt   lr, #0
    str     lr, [r11, #S_RIMN]
    movhi   r3, #3
    add     r6, r11, #S_RIM
    add     r7, r4, #12
    str     r7, [r11, #S_RIMC]
1:  mov     r7, r3
    mov     r8, r6
    mov     r9, r4
2:  ldr     r10, [r8], #4
    tst     r12, #1
    ldrne   sp, [r9]
    addne   r10, r10, sp
    str     r10, [r9], #4
    subs    r7, r7, #1
    bne     2b
    add     r6, r6, #12
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
    subs    r3, r3, #3
    str     r3, [r11, #S_M]
    add     r0, r0, r6
    add     r5, r5, r5, lsl #1
    add     r4, r4, r5
    str     r4, [r11, #S_CROW]
    str     r0, [r11, #S_A]
    bgt     row
    ldr     sp, [r11, #S_SP]
    pop     {r4-r11, pc}
