/* C[M,N] (+)= A[M,K] B[K,N], int16 x int16 -> int64: the 3x3 outer block with sums that are folded every 128 k.
 *
 * Panels and steps are those of gemm_s16_3x3_outer_u32. The word of the A stream behind a chunk of 32 pairs says
 * what to do there: 0 end of block, 1 go on, 3 first fold of a block, 2 later fold.
 * A fold moves the bits of each accumulator above the 16th to a word of the state block and leaves 0..65535 behind
 * (s += acc >> 16, acc &= 65535): two instructions, no carry, no clearing. At the block's end C = s * 65536 + acc.
 * Sums of 128 products and that rest must fit 32 bits: 128 * 4095**2 + 65535 < 2**31.
 *
 * r0 A stream   r1 B stream   r2-r10 accumulators, row-major   r11, r12, sp, lr rotating operands
 * The state block holds the rest; interrupts have stacks of their own.
 */
#include "asm.h"

#define S_A        0   /* A panel of this row of blocks */
#define S_C        4   /* C of this block */
#define S_LDC      8   /* bytes from the end of a row of a block of C to the next row */
#define S_ADD     12   /* nonzero: add to C */
#define S_END     16   /* B stream, one word read ahead, at which this run of blocks ends */
#define S_ENTRY   20   /* where to enter the body */
#define S_SP      24
#define S_B       28   /* first B panel */
#define S_M       32   /* rows left */
#define S_N       36
#define S_COLS    40   /* columns behind the full B panels: 0, 1 or 2 */
#define S_FULL    44   /* S_END of the full B panels */
#define S_CROW    48   /* C of this row of blocks */
#define S_CLDC    52   /* the caller's ldc, bytes */
#define S_CADD    56   /* the caller's `accumulate` */
#define S_PANEL   60   /* bytes of a B panel */
#define S_APANEL  64   /* bytes of an A panel */
#define S_RIMC    68   /* C of this rim block */
#define S_RIMN    72   /* columns left in the rim; 0 in a run of full blocks */
#define S_SUMS    76   /* 9 words: the accumulators' bits from the 16th on; stay 0 when nothing is folded */
#define S_RIM    112   /* 9 double words: a rim block */

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
    ldr     \c, [r0], #4            @ w0 of the next step, or the word behind the chunk
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

.macro FIRST acc, i                 @ lr = 65535
    mov     sp, \acc, asr #16
    and     \acc, \acc, lr
    str     sp, [r11, #S_SUMS + 4 * \i]
.endm
.macro LATER acc, i, before         @ the AND of the accumulator before fills the load's latency
    ldr     sp, [r11, #S_SUMS + 4 * \i]
    and     \before, \before, lr
    add     sp, sp, \acc, asr #16
    str     sp, [r11, #S_SUMS + 4 * \i]
.endm
.macro JOIN acc, i                  @ lr : acc = s * 65536 + acc
    ldr     r0, [r11, #S_SUMS + 4 * \i]
    mov     lr, \acc, asr #31
    adds    \acc, \acc, r0, lsl #16
    adc     lr, lr, r0, asr #16
.endm
.macro STORESUM acc, i
    JOIN    \acc, \i
    .if \i % 3 == 2
    ldr     r0, [r11, #S_LDC]
    .endif
    stmia   sp!, {\acc, lr}
    .if \i % 3 == 2 && \i < 8
    add     sp, sp, r0
    .endif
.endm
.macro ADDSUM acc, i
    JOIN    \acc, \i
    ldmia   sp, {r0, r12}
    adds    \acc, \acc, r0
    adc     lr, lr, r12
    .if \i % 3 == 2
    ldr     r0, [r11, #S_LDC]
    .endif
    stmia   sp!, {\acc, lr}
    .if \i % 3 == 2 && \i < 8
    add     sp, sp, r0
    .endif
.endm

FUNCTION gemm_s16_fold_3x3_outer_u32
    push    {r4-r11, lr}
    mov     r11, #STATE_BASE
    ldmia   r0, {r0-r7}             @ a b c m n pairs ldc accumulate
    str     sp, [r11, #S_SP]
    mov     r6, r6, lsl #3
    str     r0, [r11, #S_A]
    str     r1, [r11, #S_B]
    str     r3, [r11, #S_M]
    str     r4, [r11, #S_N]
    str     r2, [r11, #S_CROW]
    str     r6, [r11, #S_CLDC]
    str     r7, [r11, #S_CADD]
    @ entry: the first chunk has ((pairs-1) mod 32) + 1 steps
    sub     r8, r5, #1
    and     r8, r8, #(UNROLL-1)
    rsb     r8, r8, #(UNROLL-1)     @ steps to leave out
    add     r8, r8, r8, lsl #1
    adr     r9, body
    add     r9, r9, #STEP_ENTRY
    add     r9, r9, r8, lsl #5      @ 96 bytes a step
    str     r9, [r11, #S_ENTRY]
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
    mov     r5, #0
    add     r6, r11, #S_SUMS
    .rept 9
    str     r5, [r6], #4
    .endr

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
    ldr     r7, [r11, #S_CADD]
    sub     r6, r6, #24
    mov     r5, #0
    str     r5, [r11, #S_RIMN]
run:                                @ blocks with one A panel: B panels from r1 on, C left to right
    str     r4, [r11, #S_C]
    str     r6, [r11, #S_LDC]
    str     r7, [r11, #S_ADD]
    str     r8, [r11, #S_END]
    ldr     r12, [r1], #4
block:
    ldr     r0, [r11, #S_A]
    ldr     lr, [r11, #S_ENTRY]
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

later:
    mov     r11, #STATE_BASE
    mov     lr, #0xff00
    orr     lr, lr, #0xff
    LATER   r2, 0, lr
    LATER   r3, 1, r2
    LATER   r4, 2, r3
    LATER   r5, 3, r4
    LATER   r6, 4, r5
    LATER   r7, 5, r6
    LATER   r8, 6, r7
    LATER   r9, 7, r8
    LATER   r10, 8, r9
    and     r10, r10, lr
    ldr     r11, [r0], #4
body:
    .rept UNROLL / 2
    STEP    r11, r12, sp, lr
    STEP    sp, lr, r11, r12
    .endr
    cmp     r11, #1
    ldreq   r11, [r0], #4
    beq     body
    blo     end
    cmp     r11, #2
    beq     later
    mov     r11, #STATE_BASE
    mov     lr, #0xff00
    orr     lr, lr, #0xff
    FIRST   r2, 0
    FIRST   r3, 1
    FIRST   r4, 2
    FIRST   r5, 3
    FIRST   r6, 4
    FIRST   r7, 5
    FIRST   r8, 6
    FIRST   r9, 7
    FIRST   r10, 8
    ldr     r11, [r0], #4
    b       body

end:
    mov     r11, #STATE_BASE        @ r12 holds v0 of the next panel
    ldr     r0, [r11, #S_ADD]
    ldr     sp, [r11, #S_C]
    cmp     r0, #0
    add     lr, sp, #24
    str     lr, [r11, #S_C]
    bne     end_add
    STORESUM r2, 0
    STORESUM r3, 1
    STORESUM r4, 2
    STORESUM r5, 3
    STORESUM r6, 4
    STORESUM r7, 5
    STORESUM r8, 6
    STORESUM r9, 7
    ldr     r3, [r11, #S_END]
    STORESUM r10, 8
    cmp     r1, r3
    bne     block
    b       run_end
end_add:
    ADDSUM  r2, 0
    ADDSUM  r3, 1
    ADDSUM  r4, 2
    ADDSUM  r5, 3
    ADDSUM  r6, 4
    ADDSUM  r7, 5
    ADDSUM  r8, 6
    ADDSUM  r9, 7
    ldr     r3, [r11, #S_END]
    ADDSUM  r10, 8
    ldr     r12, [r1, #-4]
    cmp     r1, r3
    bne     block

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
    mov     r7, #0
    add     r8, r8, r1
    add     r8, r8, #4
    mov     r6, #0
    add     r4, r11, #S_RIM
    b       run

/* Copy or add the valid part of a rim block to C; r11 = state, r1 at the next B panel. */
rim_done:
    ldr     r2, [r11, #S_M]
    ldr     r4, [r11, #S_RIMC]
    ldr     r5, [r11, #S_CLDC]
    ldr     r12, [r11, #S_CADD]
    cmp     r2, #3
    movhi   r2, #3
    subs    lr, r3, #3
    movlt   lr, #0
    str     lr, [r11, #S_RIMN]
    movhi   r3, #3
    add     r6, r11, #S_RIM
    add     r7, r4, #24
    str     r7, [r11, #S_RIMC]
    sub     r5, r5, r3, lsl #3
1:  mov     r7, r3
    mov     r8, r6
2:  ldmia   r8!, {r9, r10}
    cmp     r12, #0
    beq     3f
    ldmia   r4, {r0, sp}
    adds    r9, r9, r0
    adc     r10, r10, sp
3:  stmia   r4!, {r9, r10}
    subs    r7, r7, #1
    bne     2b
    add     r6, r6, #24
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
