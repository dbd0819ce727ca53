/* y = alpha x + y on float32 arrays, product and sum rounded.
 *
 * r0 x   r1 alpha   r2 y; the others: f32.inc.
 */
#include "f32.inc"

.macro TAKE
    ldr     r8, [r0], #4
    mov     r7, r1
    F32_MUL
    ldr     r7, [r2]
    F32_ADD
    str     r8, [r2], #4
.endm

FUNCTION f32_axpy
    F32_ENTER
    ldmia   r0, {r0, r2, r3, r7}    @ x y count alpha
    mov     r1, r7
    LOOP    r3, (MUL_BYTES + ADD_BYTES + 4*4), r8, r9
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    F32_LEAVE
    F32_ADD_SPECIAL
    F32_MUL_SPECIAL
