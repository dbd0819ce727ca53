/* -x of a float32 array: 6 cycles an element.
 *
 * r0 x   r1 y   r4 0x80000000   r5 2 * infinity   r6 NaN   sp rounds left
 */
#include "f32.inc"

.macro TAKE
    ldr     r7, [r0], #4
    cmp     r5, r7, lsl #1
    eor     r8, r7, r4
    movlo   r8, r6
    str     r8, [r1], #4
.endm

FUNCTION f32_neg
    F32_ENTER
    ldmia   r0, {r0-r2}             @ x y count
    orr     r6, r5, #QUIET
    mov     r5, r5, lsl #1
    LOOP    r2, 5*4, r8, r9
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    F32_LEAVE
