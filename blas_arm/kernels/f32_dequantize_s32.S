/* int32 to float32 by a scale of 64 bits, rounded half to even once: 46 cycles an element.
 *
 * The magnitude, its highest bit at bit 31, times the scale is 96 bits, of which the lower 64 are only sticky.
 *
 * r0 x   r1 y   r2, r3 scale   r4 0x80000000   r5 infinity   r9 sign   r10 exponent   r12 significand
 * r7, r8, r11 work   lr exponent of the scale   sp rounds left
 */
#include "f32.inc"

.macro TAKE
    ldr     r7, [r0], #4
    ands    r9, r7, r4
    rsbmi   r7, r7, #0
    clz     r11, r7
    sub     r10, lr, r11
    mov     r11, r7, lsl r11
    umull   r8, r12, r11, r2
    umull   r7, r11, r3, r11
    adds    r8, r8, r11
    adc     r12, r12, #0
    orrs    r8, r8, r7
    orrne   r12, r12, #1
    cmp     r12, #0
    movpl   r12, r12, lsl #1
    subpl   r10, r10, #1
    moveq   r10, #1                 @ 0 has exponent field 0 behind the rounding
    F32_ROUND
    orr     r8, r8, r9
    str     r8, [r1], #4
.endm

FUNCTION f32_dequantize_s32
    F32_ENTER
    ldmia   r0, {r0-r2, r7, r8, lr} @ x y count high low exponent
    mov     r10, r2
    mov     r2, r7
    mov     r3, r8
    LOOP    r10, 37*4, r8, r9
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    F32_LEAVE
