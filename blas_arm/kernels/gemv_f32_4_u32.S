/* y[M] (+)= A[M,K] x[K], int32 x int32 -> int64: four exact sums at a time, unrolled over 32 k.
 *
 * A lies in panels of two rows, (A[0,k], A[1,k]) at each k, as for the matrix product; two panels are read at once.
 * x is the panel of a single row: (x[k], 0). One k takes five loads and four long multiplies: 17 cycles.
 * A last block of fewer rows reads a panel twice where there is no second, and stores the sums that count last.
 *
 * r0, r1 A streams   r2 x stream   r3-r10 sums, low and high   r11 x   r12, sp rows   lr end of the first panel
 */
#include "asm.h"

#define S_X        0
#define S_Y        4
#define S_M        8   /* rows left */
#define S_ADD     12   /* nonzero: add to y */
#define S_ENTRY   16   /* where to enter the body */
#define S_PANEL   20   /* bytes of a panel */
#define S_SP      24

#define STEP_BYTES 36
#define UNROLL 32

.macro STEP
    ldr     r12, [r0], #4
    ldr     r11, [r2], #8
    ldr     sp, [r0], #4
    smlal   r3, r4, r12, r11
    ldr     r12, [r1], #4
    smlal   r5, r6, sp, r11
    ldr     sp, [r1], #4
    smlal   r7, r8, r12, r11
    smlal   r9, r10, sp, r11
.endm

.macro PLACES                       @ r11, r12, sp = places of sums 1 to 3, r2 = y, r0 = rows left, at least 1
    cmp     r0, #2
    movlo   r11, r2
    addhs   r11, r2, #8
    cmp     r0, #3
    movlo   r12, r11
    addhs   r12, r2, #16
    cmp     r0, #4
    movlo   sp, r12
    addhs   sp, r2, #24
.endm

FUNCTION gemv_f32_4_u32
    push    {r4-r11, lr}
    mov     lr, #STATE_BASE
    ldmia   r0, {r0-r5}             @ a x y m k accumulate
    str     sp, [lr, #S_SP]
    mov     r8, r4, lsl #3
    stmia   lr, {r1, r2, r3, r5}
    str     r8, [lr, #S_PANEL]
    sub     r9, r4, #1              @ the first chunk has ((k-1) mod 32) + 1 steps
    and     r9, r9, #(UNROLL-1)
    rsb     r9, r9, #(UNROLL-1)
    add     r9, r9, r9, lsl #3
    adr     r10, body
    add     r9, r10, r9, lsl #2     @ 36 bytes a step
    str     r9, [lr, #S_ENTRY]
    mov     r1, r0

block:                              @ r1 = its first panel
    ldr     r3, [lr, #S_M]
    ldr     r5, [lr, #S_ADD]
    ldr     r8, [lr, #S_PANEL]
    mov     r0, r1
    cmp     r3, #2
    addhi   r1, r1, r8
    cmp     r5, #0
    bne     load
    mov     r3, #0
    mov     r4, #0
    mov     r5, #0
    mov     r6, #0
    mov     r7, #0
    mov     r9, #0
    mov     r10, #0
    add     r11, r0, r8
    mov     r8, #0
enter:                              @ r11 = end of the first panel
    ldr     r2, [lr, #S_X]
    ldr     sp, [lr, #S_ENTRY]
    mov     lr, r11
    mov     pc, sp

body:
    .rept UNROLL
    STEP
    .endr
    cmp     r0, lr
    bne     body

    mov     lr, #STATE_BASE
    ldr     r0, [lr, #S_M]
    ldr     r2, [lr, #S_Y]
    PLACES
    stmia   sp, {r9, r10}
    stmia   r12, {r7, r8}
    stmia   r11, {r5, r6}
    stmia   r2, {r3, r4}
    add     r2, r2, #32
    subs    r0, r0, #4
    str     r2, [lr, #S_Y]
    str     r0, [lr, #S_M]
    bgt     block
    ldr     sp, [lr, #S_SP]
    pop     {r4-r11, pc}

load:
    ldr     r2, [lr, #S_Y]
    mov     r4, r0
    mov     r0, r3
    PLACES
    mov     r0, r4
    ldmia   r2, {r3, r4}
    ldmia   r11, {r5, r6}
    add     r11, r0, r8
    ldmia   r12, {r7, r8}
    ldmia   sp, {r9, r10}
    b       enter
