/* Difference of float32 arrays: 44 cycles an element.
 *
 * r0 a   r1 b   r2 y   r3 step of b; the others: f32.inc.
 */
#include "f32.inc"

.macro TAKE
    ldr     r8, [r1], r3
    ldr     r7, [r0], #4
    eor     r8, r8, r4
    F32_ADD
    str     r8, [r2], #4
.endm

FUNCTION f32_sub
    F32_ENTER
    ldmia   r0, {r0-r3, r7}         @ a b y count step
    mov     r10, r3
    mov     r3, r7
    LOOP    r10, (ADD_BYTES + 4*4), r8, r9
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    F32_LEAVE
    F32_ADD_SPECIAL
