/* A = (alpha x) y^T + A on float32, each operation rounded: axpy for every row.
 *
 * r0 y   r1 alpha x[i]   r2 A   r3 columns; the others: f32.inc.
 */
#include "f32.inc"

#define S_X     8
#define S_Y    12
#define S_ROWS 16
#define S_ALPHA 20

.macro TAKE
    ldr     r8, [r0], #4
    mov     r7, r1
    F32_MUL
    ldr     r7, [r2]
    F32_ADD
    str     r8, [r2], #4
.endm

FUNCTION f32_ger
    F32_ENTER
    ldmia   r0, {r0-r3, r7, r8}     @ x y a rows columns alpha
    mov     r9, #STATE_BASE
    str     r0, [r9, #S_X]
    str     r1, [r9, #S_Y]
    str     r3, [r9, #S_ROWS]
    str     r8, [r9, #S_ALPHA]
    mov     r3, r7
1:  mov     r9, #STATE_BASE
    ldr     r10, [r9, #S_X]
    ldr     r7, [r9, #S_ALPHA]
    ldr     r8, [r10], #4
    str     r10, [r9, #S_X]
    ldr     r0, [r9, #S_Y]
    F32_MUL
    mov     r1, r8
    LOOP    r3, (MUL_BYTES + ADD_BYTES + 4*4), r8, r9
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    mov     r9, #STATE_BASE
    ldr     r10, [r9, #S_ROWS]
    subs    r10, r10, #1
    str     r10, [r9, #S_ROWS]
    bne     1b
    F32_LEAVE
    F32_ADD_SPECIAL
    F32_MUL_SPECIAL
