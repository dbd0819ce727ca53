/* b where a > 0 or a is NaN, else +0, on float32 arrays: 7 cycles an element.
 *
 * With 0x7fffff added, negative numbers and -0 are the words from 0x807fffff on, and nothing else is but +0.
 * r0 a   r1 b   r2 y   r3 step of b   r5 0x7fffff   r6 0x807fffff   sp rounds left
 */
#include "f32.inc"

.macro TAKE
    ldr     r7, [r0], #4
    ldr     r8, [r1], r3
    add     r9, r7, r5
    cmp     r7, #0
    cmpne   r6, r9
    movls   r8, #0
    str     r8, [r2], #4
.endm

FUNCTION f32_relu_gradient
    F32_ENTER
    ldmia   r0, {r0-r3, r7}         @ a b y count step
    mov     r5, #0x800000
    sub     r5, r5, #1
    orr     r6, r5, r4
    mov     r10, r3
    mov     r3, r7
    LOOP    r10, 7*4, r8, r9
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    F32_LEAVE
