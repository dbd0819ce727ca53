/* float32 to int16, rounded half to even and clamped; clamped elements and NaN are counted.
 *
 * r0 x   r1 y   r2 1   r3 largest   r4 0x80000000   r5 2 * infinity   r6 255   lr count   sp rounds left
 * r7 element   r9 exponent   r10 significand at bit 31   r8 twice the magnitude, then the magnitude
 */
#include "f32.inc"

#define S_COUNT 8

.macro TAKE
    ldr     r7, [r0], #4
    and     r9, r6, r7, lsr #23
    orr     r10, r4, r7, lsl #8
    rsb     r11, r9, #157
    mov     r8, r10, lsr r11
    cmp     r10, r8, lsl r11
    movne   r12, #1
    andeq   r12, r2, r8, lsr #1     @ exact so far: a half goes to even
    add     r8, r8, r12
    mov     r8, r8, lsr #1
    cmp     r9, #157
    movhi   r8, r10                 @ too large
    add     r12, r3, r7, lsr #31    @ one more below zero
    cmp     r8, r12
    movhi   r8, r12
    addhi   lr, lr, #1
    cmp     r5, r7, lsl #1
    movlo   r8, #0
    cmp     r7, #0
    rsbmi   r8, r8, #0
    strh    r8, [r1], #2
.endm

FUNCTION f32_to_s16
    F32_ENTER
    ldmia   r0, {r0-r3}             @ x y saturated count
    mov     r9, #STATE_BASE
    str     r2, [r9, #S_COUNT]
    mov     r10, r3
    mov     r2, #1
    mvn     r3, r4
    mov     r3, r3, lsr #16
    mov     r5, r5, lsl #1
    mov     lr, #0
    LOOP    r10, 21*4, r8, r9
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    mov     r9, #STATE_BASE
    ldr     r2, [r9, #S_COUNT]
    str     lr, [r2]
    F32_LEAVE
