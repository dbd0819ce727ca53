/* Outer panels of rows that lie side by side, k behind k: two panels (six rows) at a time, two k a step, 20 cycles.
 *
 * Words of the six rows at k and k + 1, halves low | high, and the words that they become:
 *
 *     0|1  2|3  4|5      0|1 at k    2 at k | 2 at k + 1    0|1 at k + 1
 *     0|1  2|3  4|5      3|4 at k    5 at k | 5 at k + 1    3|4 at k + 1
 *
 * Fewer rows at the end repeat the last one, each number of rows in a body of its own. A run of steps ends with a
 * line of k or with a chunk; one k that is left in a line makes a step with the first of the next line.
 *
 * r0, r1 x at k and k + 1   r2, r3 panels   r4 bytes from step to step   r5 0xffff   r6-r12 work   lr steps
 * sp state block
 */
#include "asm.h"

#define S_SP       0
#define S_GROUP    4    /* first row of this group */
#define S_ROWS     8    /* rows left */
#define S_WORDS   12    /* whether chunk words are wanted */
#define S_PANEL   16    /* bytes of a panel */
#define S_FIRST   20    /* steps of the first chunk */
#define S_CHUNKS  24    /* chunks of a panel */
#define S_STEPS   28    /* steps of a panel */
#define S_COLUMNS 32
#define S_LINES   36
#define S_STRIDE  40    /* bytes from k to k */
#define S_LINE    44    /* and from line to line */
#define S_BODY    48    /* body of the group */
#define S_WIDE    52    /* bytes that a step's loads leave to the next k: r4 = 2 * stride - this */
#define S_ZERO    56    /* three words of zeros */
#define S_K       68    /* next k's address; k left in its line; lines left | one LDM */
#define S_LEFT    72    /* | */
#define S_BELOW   76    /* | */
#define S_TODO    80    /* steps left in the panel, and in the chunk | one LDM */
#define S_CHUNK   84    /* | */
#define S_DONE    88    /* chunks done */
#define S_BASE    92    /* address of the line */
#define UNROLL     4

.macro LOADS words
    .if \words == 1
    ldr     r6, [r0], r4
    ldr     r12, [r1], r4
    .else
    ldr     r6, [r0], #4
    .if \words == 2
    ldr     r7, [r0], r4
    ldr     r12, [r1], #4
    ldr     r10, [r1], r4
    .else
    ldr     r7, [r0], #4
    ldr     r8, [r0], r4
    ldr     r12, [r1], #4
    ldr     r10, [r1], #4
    ldr     r9, [r1], r4
    .endif
    .endif
.endm
.macro LOWS y, w, v                 @ the lower halves of two words
    and     \y, \w, r5
    orr     \y, \y, \v, lsl #16
.endm
.macro HIGHS y, w, v                @ the upper halves
    bic     \y, \v, r5
    orr     \y, \y, \w, lsr #16
.endm
.macro SEAM y, w, v                 @ the upper half of one, the lower of the next
    mov     \y, \w, lsr #16
    orr     \y, \y, \v, lsl #16
.endm
.macro STEP6
    LOADS   3
    LOWS    r11, r7, r10
    stmia   r2!, {r6, r11, r12}
    SEAM    r7, r7, r8
    SEAM    r10, r10, r9
    HIGHS   r9, r8, r9
    stmia   r3!, {r7, r9, r10}
.endm
.macro STEP5
    LOADS   3
    LOWS    r11, r7, r10
    stmia   r2!, {r6, r11, r12}
    SEAM    r7, r7, r8
    SEAM    r10, r10, r9
    LOWS    r8, r8, r9
    stmia   r3!, {r7, r8, r10}
.endm
.macro STEP4
    LOADS   2
    LOWS    r11, r7, r10
    stmia   r2!, {r6, r11, r12}
    HIGHS   r9, r7, r10
    HIGHS   r7, r7, r7
    HIGHS   r10, r10, r10
    stmia   r3!, {r7, r9, r10}
.endm
.macro STEP3
    LOADS   2
    LOWS    r11, r7, r10
    stmia   r2!, {r6, r11, r12}
.endm
.macro STEP2
    LOADS   1
    HIGHS   r11, r6, r12
    stmia   r2!, {r6, r11, r12}
.endm
.macro STEP1
    LOADS   1
    LOWS    r11, r6, r12
    and     r6, r6, r5
    orr     r6, r6, r6, lsl #16
    and     r12, r12, r5
    orr     r12, r12, r12, lsl #16
    stmia   r2!, {r6, r11, r12}
.endm
.macro SINGLE step
1:  \step
    subs    lr, lr, #1
    bne     1b
    b       run_done
.endm

FUNCTION pack_s16_outer_u32
    push    {r4-r11, lr}
    mov     r12, #STATE_BASE
    str     sp, [r12, #S_SP]
    mov     sp, r12
    ldmia   r0, {r0-r7}             @ x panels rows columns lines k_stride line_stride chunk_words
    str     r0, [sp, #S_GROUP]
    str     r2, [sp, #S_ROWS]
    str     r7, [sp, #S_WORDS]
    add     r8, sp, #S_COLUMNS
    stmia   r8, {r3-r6}
    mul     r8, r3, r4              @ k, then steps: an even number
    add     r8, r8, #3
    mov     r8, r8, lsr #2
    mov     r8, r8, lsl #1
    str     r8, [sp, #S_STEPS]
    add     r9, r8, #31
    mov     r9, r9, lsr #5
    str     r9, [sp, #S_CHUNKS]
    sub     r10, r8, #1
    and     r10, r10, #31
    add     r10, r10, #1
    cmp     r7, #0
    moveq   r9, #0
    moveq   r10, r8                 @ panels of B are one chunk
    str     r10, [sp, #S_FIRST]
    add     r8, r8, r8, lsl #1
    add     r8, r8, r9
    mov     r8, r8, lsl #2
    str     r8, [sp, #S_PANEL]
    mov     r8, #0
    str     r8, [sp, #S_ZERO]
    str     r8, [sp, #S_ZERO+4]
    str     r8, [sp, #S_ZERO+8]
    mvn     r5, #0
    mov     r5, r5, lsr #16
    mov     r3, r1

group:                              @ r3 = its first panel
    ldr     r0, [sp, #S_GROUP]
    ldr     r6, [sp, #S_ROWS]
    ldr     r7, [sp, #S_PANEL]
    mov     r2, r3
    add     r3, r3, r7
    add     r7, r0, #12
    str     r7, [sp, #S_GROUP]
    subs    r7, r6, #6
    movmi   r7, #0
    str     r7, [sp, #S_ROWS]
    cmp     r6, #6
    movhi   r6, #6
    add     r7, r6, #1              @ bytes that a step's loads pass over: all words but the last
    mov     r7, r7, lsr #1
    sub     r7, r7, #1
    mov     r7, r7, lsl #2
    str     r7, [sp, #S_WIDE]
    adr     r7, bodies
    add     r7, r7, r6, lsl #2
    str     r7, [sp, #S_BODY]
    ldr     r7, [sp, #S_COLUMNS]
    ldr     r8, [sp, #S_LINES]
    str     r0, [sp, #S_BASE]
    add     r9, sp, #S_K
    stmia   r9, {r0, r7, r8}
    ldr     r8, [sp, #S_STEPS]
    ldr     r9, [sp, #S_FIRST]
    mov     r10, #0
    str     r8, [sp, #S_TODO]
    str     r9, [sp, #S_CHUNK]
    str     r10, [sp, #S_DONE]

run:
    add     r6, sp, #S_K
    ldmia   r6, {r0, r6-r9}         @ address, left in line, lines left, steps, and of the chunk
    ldr     r10, [sp, #S_STRIDE]
    ldr     r11, [sp, #S_WIDE]
    movs    lr, r6, lsr #1
    beq     seam
    cmp     lr, r9
    movhi   lr, r9
    sub     r6, r6, lr, lsl #1
    sub     r8, r8, lr
    sub     r9, r9, lr
    add     r1, r0, r10
    mul     r12, lr, r10
    rsb     r4, r11, r10, lsl #1
    add     r10, r0, r12, lsl #1    @ the k behind the run
    cmp     r6, #0
    beq     line_done
    add     r11, sp, #S_K
    str     r10, [r11], #4
    stmia   r11, {r6-r9}
    ldr     pc, [sp, #S_BODY]
line_done:
    ldr     r12, [sp, #S_BASE]
    ldr     r11, [sp, #S_LINE]
    ldr     r6, [sp, #S_COLUMNS]
    add     r10, r12, r11
    subs    r7, r7, #1
    moveq   r6, #0                  @ behind the last line nothing is left
    str     r10, [sp, #S_BASE]
    add     r11, sp, #S_K
    str     r10, [r11], #4
    stmia   r11, {r6-r9}
    ldr     pc, [sp, #S_BODY]

seam:                               @ the last k of a line, or none behind the last line
    mov     r4, #0
    mov     lr, #1
    sub     r8, r8, #1
    sub     r9, r9, #1
    cmp     r7, #1
    blo     2f
    beq     1f
    ldr     r12, [sp, #S_BASE]      @ with the first k of the next line
    ldr     r11, [sp, #S_LINE]
    ldr     r6, [sp, #S_COLUMNS]
    add     r1, r12, r11
    str     r1, [sp, #S_BASE]
    sub     r7, r7, #1
    subs    r6, r6, #1
    add     r10, r1, r10
    bne     3f
    add     r10, r1, r11            @ a line of one
    str     r10, [sp, #S_BASE]
    ldr     r6, [sp, #S_COLUMNS]
    sub     r7, r7, #1
    b       3f
2:  add     r0, sp, #S_ZERO
1:  add     r1, sp, #S_ZERO
    mov     r7, #0
    mov     r6, #1
3:  add     r11, sp, #S_K
    str     r10, [r11], #4
    stmia   r11, {r6-r9}
    ldr     pc, [sp, #S_BODY]

bodies:                             @ entered at bodies + 4 * rows
    nop
    b       body1
    b       body2
    b       body3
    b       body4
    b       body5
    rsb     r11, lr, #0
    and     r11, r11, #(UNROLL-1)
    add     lr, lr, #(UNROLL-1)
    mov     lr, lr, lsr #2
    add     pc, pc, r11, lsl #6     @ 64 bytes a step
    nop
1:  .rept UNROLL
    STEP6
    .endr
    subs    lr, lr, #1
    bne     1b

run_done:
    ldr     r8, [sp, #S_TODO]
    ldr     r9, [sp, #S_CHUNK]
    cmp     r9, #0
    bne     run
    ldr     r6, [sp, #S_WORDS]      @ behind a chunk: its word, 0 for the last, else 1, 3, 1, 2, 1, 2, ...
    ldr     r7, [sp, #S_DONE]
    cmp     r6, #0
    beq     1f
    add     r7, r7, #1
    str     r7, [sp, #S_DONE]
    mov     r6, #2
    tst     r7, #1
    movne   r6, #1
    cmp     r7, #2
    moveq   r6, #3
    cmp     r8, #0
    moveq   r6, #0
    str     r6, [r2], #4
    mov     r10, #32
    str     r10, [sp, #S_CHUNK]
    ldr     r7, [sp, #S_BODY]
    adr     r9, bodies + 16
    cmp     r7, r9                  @ a second panel, if the group has one
    strhs   r6, [r3], #4
1:  cmp     r8, #0
    bne     run
    adr     r9, bodies + 16
    ldr     r7, [sp, #S_BODY]
    cmp     r7, r9
    movlo   r3, r2                  @ no second panel
    ldr     r6, [sp, #S_ROWS]
    cmp     r6, #0
    bne     group
    ldr     r7, [sp, #S_WORDS]
    cmp     r7, #0
    streq   r8, [r3]                @ the word that the product reads ahead
    ldr     sp, [sp, #S_SP]
    pop     {r4-r11, pc}

body1:
    SINGLE  STEP1
body2:
    SINGLE  STEP2
body3:
    SINGLE  STEP3
body4:
    SINGLE  STEP4
body5:
    SINGLE  STEP5
