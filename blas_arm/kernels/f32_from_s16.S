/* int16 to float32: 13 cycles an element.
 *
 * r0 x   r1 y   r4 0x80000000   r7, r8 magnitude   r9 sign   r10 exponent   sp rounds left
 */
#include "f32.inc"

.macro TAKE
    ldrsh   r7, [r0], #2
    ands    r9, r7, r4
    rsbmi   r7, r7, #0
    clz     r10, r7
    movs    r8, r7, lsl r10
    rsb     r10, r10, #157
    moveq   r10, #0
    add     r9, r9, r10, lsl #23
    add     r8, r9, r8, lsr #8
    str     r8, [r1], #4
.endm

FUNCTION f32_from_s16
    F32_ENTER
    ldmia   r0, {r0-r2}             @ x y count
    LOOP    r2, 10*4, r8, r9
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    F32_LEAVE
