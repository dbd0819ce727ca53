/* C[M,N] (+)= A[M,K] B[K,N], int32 x int32 -> int64: a block of 2x2 exact sums, unrolled over 64 k.
 *
 * A panel holds two rows of A, (A[0,k], A[1,k]) at each k; a panel of B two columns likewise. One k takes four loads
 * and four long multiplies: 16 cycles, none of them a stall, and nothing is read ahead.
 * The first chunk of a block is the short one: it is entered in its middle, so every block ends with the body.
 * A last odd row or column: its second address is the first one again, and the sums that count are stored last.
 *
 * r0 A stream   r1 B stream   r2-r9 sums, low and high, row-major   r10 a0   r11 b0   r12 b1   sp a1
 * lr end of the A panel. The state block holds the rest; interrupts have stacks of their own.
 */
#include "asm.h"

#define S_A        0   /* A panel of this row of blocks */
#define S_C0       4   /* the block's two rows of C */
#define S_C1       8
#define S_NLEFT   12   /* columns left */
#define S_ADD     16   /* nonzero: add to C */
#define S_ENTRY   20   /* where to enter the body */
#define S_END     24   /* end of the A panel */
#define S_M       28   /* rows left */
#define S_N       32
#define S_CROW    36
#define S_LDC     40   /* bytes */
#define S_B       44
#define S_PANEL   48   /* bytes of a panel */
#define S_SP      52

#define STEP_BYTES_LOG 5
#define UNROLL 64

.macro STEP
    ldr     r10, [r0], #4
    ldr     r11, [r1], #4
    ldr     r12, [r1], #4
    smlal   r2, r3, r10, r11
    ldr     sp, [r0], #4
    smlal   r4, r5, r10, r12
    smlal   r8, r9, sp, r12
    smlal   r6, r7, sp, r11
.endm

FUNCTION gemm_f32_2x2_u64
    push    {r4-r11, lr}
    mov     lr, #STATE_BASE
    ldmia   r0, {r0-r7}             @ a b c m n k ldc accumulate
    str     sp, [lr, #S_SP]
    mov     r6, r6, lsl #3
    mov     r8, r5, lsl #3
    str     r7, [lr, #S_ADD]
    str     r3, [lr, #S_M]
    str     r4, [lr, #S_N]
    str     r2, [lr, #S_CROW]
    str     r6, [lr, #S_LDC]
    str     r1, [lr, #S_B]
    str     r8, [lr, #S_PANEL]
    sub     r9, r5, #1              @ the first chunk has ((k-1) mod 64) + 1 steps
    and     r9, r9, #(UNROLL-1)
    rsb     r9, r9, #(UNROLL-1)
    adr     r10, body
    add     r9, r10, r9, lsl #STEP_BYTES_LOG
    str     r9, [lr, #S_ENTRY]

row:                                @ r0 = A panel, r3 = rows left
    ldr     r8, [lr, #S_PANEL]
    ldr     r10, [lr, #S_CROW]
    ldr     r6, [lr, #S_LDC]
    ldr     r12, [lr, #S_N]
    ldr     r1, [lr, #S_B]
    str     r0, [lr, #S_A]
    add     r8, r8, r0
    str     r8, [lr, #S_END]
    cmp     r3, #1
    moveq   r11, r10
    addne   r11, r10, r6
    stmib   lr, {r10, r11, r12}
block:
    ldr     sp, [lr, #S_ADD]
    mov     r2, #0
    cmp     sp, #0
    bne     load
    mov     r3, #0
    mov     r4, #0
    mov     r5, #0
    mov     r6, #0
    mov     r7, #0
    mov     r8, #0
    mov     r9, #0
enter:
    ldr     sp, [lr, #S_ENTRY]
    ldr     lr, [lr, #S_END]
    mov     pc, sp

body:
    .rept UNROLL
    STEP
    .endr
    cmp     r0, lr
    bne     body

    mov     lr, #STATE_BASE
    ldmia   lr, {r0, r10, r11, r12}
    cmp     r12, #1
    moveq   sp, r11
    addne   sp, r11, #8
    stmia   sp, {r8, r9}
    moveq   sp, r10
    addne   sp, r10, #8
    stmia   r11!, {r6, r7}
    stmia   sp, {r4, r5}
    stmia   r10!, {r2, r3}
    add     r11, r11, #8
    add     r10, r10, #8
    subs    r12, r12, #2
    stmib   lr, {r10, r11, r12}
    bgt     block

    ldr     r3, [lr, #S_M]
    ldr     r10, [lr, #S_CROW]
    ldr     r6, [lr, #S_LDC]
    ldr     r0, [lr, #S_END]
    subs    r3, r3, #2
    str     r3, [lr, #S_M]
    add     r10, r10, r6, lsl #1
    str     r10, [lr, #S_CROW]
    bgt     row
    ldr     sp, [lr, #S_SP]
    pop     {r4-r11, pc}

load:
    cmp     r12, #1
    moveq   sp, r10
    addne   sp, r10, #8
    ldmia   r10, {r2, r3}
    ldmia   sp, {r4, r5}
    moveq   sp, r11
    addne   sp, r11, #8
    ldmia   r11, {r6, r7}
    ldmia   sp, {r8, r9}
    b       enter
