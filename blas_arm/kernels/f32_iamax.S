/* First position of every row's largest magnitude of float32: 7 cycles an element. A NaN is the largest.
 *
 * r0 x   r1 y   r2 rows left   r3 columns   r4 0x80000000   r5 2 * infinity
 * r7 element   r10 element doubled   r8 two behind the best   r9 best   sp rounds left
 */
#include "f32.inc"

.macro TAKE
    ldr     r7, [r0], #4
    cmp     r10, r9                 @ the last one, while this one comes
    movhi   r9, r10
    movhi   r8, r0
    mov     r10, r7, lsl #1
    cmp     r5, r10
    mvnlo   r10, #0
.endm

FUNCTION f32_iamax
    F32_ENTER
    ldmia   r0, {r0-r3}             @ x y rows columns
    mov     r5, r5, lsl #1
1:  mov     r9, #0
    mov     r10, #0
    add     r8, r0, #8
    LOOP    r3, 7*4, r7, r11
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    cmp     r10, r9
    addhi   r8, r0, #4
    sub     r7, r0, r3, lsl #2
    sub     r7, r8, r7
    mov     r7, r7, lsr #2
    sub     r7, r7, #2
    str     r7, [r1], #4
    subs    r2, r2, #1
    bne     1b
    F32_LEAVE
