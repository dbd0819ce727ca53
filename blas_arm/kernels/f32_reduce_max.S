/* Maximum of every row of float32: 7 cycles an element. -0 is below +0, a NaN wins.
 *
 * r0 x   r1 y   r2 rows left   r3 columns   r4 0x80000000   r5 2 * infinity
 * r6 largest integer   r7 element, as ordered integer in r8   r9 best   sp rounds left
 */
#include "f32.inc"

.macro TAKE
    ldr     r7, [r0], #4
    cmp     r8, r9                  @ the last one, while this one comes
    movgt   r9, r8
    mov     r8, r7, asr #31
    eor     r8, r7, r8, lsr #1
    cmp     r5, r7, lsl #1
    movlo   r8, r6
.endm

FUNCTION f32_reduce_max
    F32_ENTER
    ldmia   r0, {r0-r3}             @ x y rows columns
    mov     r5, r5, lsl #1
    mvn     r6, r4
1:  mov     r8, r4
    mov     r9, r4
    LOOP    r3, 7*4, r10, r11
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    cmp     r8, r9
    movgt   r9, r8
    cmp     r9, r6
    mov     r8, r9, asr #31
    eor     r8, r9, r8, lsr #1
    moveq   r8, r5, lsr #1
    orreq   r8, r8, #QUIET
    str     r8, [r1], #4
    subs    r2, r2, #1
    bne     1b
    F32_LEAVE
