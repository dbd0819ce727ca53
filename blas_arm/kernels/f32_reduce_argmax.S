/* First position of every row's maximum of float32: 8 cycles an element. -0 equals +0, a NaN is the largest.
 *
 * r0 x   r1 y   r2 rows left   r3 columns   r4 0x80000000   r5 2 * infinity
 * r6 largest integer   r7 element   r8 behind the best   r9 best   sp rounds left
 */
#include "f32.inc"

.macro TAKE
    ldr     r7, [r0], #4
    cmp     r5, r7, lsl #1
    movlo   r7, r6
    cmp     r7, #0
    rsbmi   r7, r7, r4
    cmp     r7, r9
    movgt   r9, r7
    movgt   r8, r0
.endm

FUNCTION f32_reduce_argmax
    F32_ENTER
    ldmia   r0, {r0-r3}             @ x y rows columns
    mov     r5, r5, lsl #1
    mvn     r6, r4
1:  mov     r9, r4
    LOOP    r3, 8*4, r10, r11
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    sub     r7, r0, r3, lsl #2
    sub     r7, r8, r7
    mov     r7, r7, lsr #2
    sub     r7, r7, #1
    str     r7, [r1], #4
    subs    r2, r2, #1
    bne     1b
    F32_LEAVE
