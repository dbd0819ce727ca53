/* The largest magnitude of each row of float32, as bits: three cycles an element, 32 elements a run.
 *
 * Bits shifted left by one compare as magnitudes. Any strides, so that columns and panels are read as well.
 *
 * r0 x   r1 bytes between elements   r2 twice the largest   r3, r12 elements   r4 runs left   r5 rows left
 * r6 top   r7 pairs of a row   r8 first row of the pair   r9 where to enter the body   r10 row stride
 * r11 pair stride   lr row number
 */
#include "asm.h"

#define S_ADD      0
#define S_K        4
#define UNROLL 16                   /* pairs of elements; 24 bytes each */

FUNCTION convert_f32_top
    push    {r4-r11, lr}
    mov     r12, #STATE_BASE
    ldmia   r0, {r1-r8}             @ x top rows k k_stride row_stride pair_stride accumulate
    str     r8, [r12, #S_ADD]
    str     r4, [r12, #S_K]
    mov     r8, r1
    mov     r10, r6
    mov     r11, r7
    mov     r1, r5
    mov     r6, r2
    mov     r5, r3
    mov     r7, r4, lsr #1
    sub     r9, r7, #1              @ the first run has ((pairs-1) mod 16) + 1 pairs
    and     r9, r9, #(UNROLL-1)
    rsb     r9, r9, #(UNROLL-1)
    add     r9, r9, r9, lsl #1
    adr     r3, body
    add     r9, r3, r9, lsl #3
    mov     lr, #0
row:
    mov     r12, #STATE_BASE
    ldr     r3, [r12, #S_ADD]
    mov     r0, r8
    tst     lr, #1
    addne   r0, r8, r10
    addne   r8, r8, r11
    cmp     r3, #0
    mov     r2, #0
    ldrne   r2, [r6]
    ldr     r12, [r12, #S_K]
    mov     r2, r2, lsl #1
    tst     r12, #1
    beq     even
    ldr     r3, [r0], r1
    cmp     r2, r3, lsl #1
    movlo   r2, r3, lsl #1
even:
    add     r4, r7, #(UNROLL-1)
    movs    r4, r4, lsr #4
    movne   pc, r9
    b       done
body:
    .rept UNROLL
    ldr     r3, [r0], r1
    ldr     r12, [r0], r1
    cmp     r2, r3, lsl #1
    movlo   r2, r3, lsl #1
    cmp     r2, r12, lsl #1
    movlo   r2, r12, lsl #1
    .endr
    subs    r4, r4, #1
    bne     body
done:
    mov     r2, r2, lsr #1
    str     r2, [r6], #4
    add     lr, lr, #1
    subs    r5, r5, #1
    bne     row
    pop     {r4-r11, pc}
