/* Maximum of float32 arrays: 13 cycles an element. -0 is below +0, a NaN wins.
 *
 * Numbers are compared as integers after the bits below a set sign are flipped.
 * r0 a   r1 b   r2 y   r3 step of b   r5 2 * infinity   r6 NaN   sp rounds left
 */
#include "f32.inc"

.macro TAKE
    ldr     r7, [r0], #4
    ldr     r8, [r1], r3
    mov     r9, r7, asr #31
    eor     r9, r7, r9, lsr #1
    mov     r10, r8, asr #31
    eor     r10, r8, r10, lsr #1
    cmp     r9, r10
    movgt   r9, r7
    movle   r9, r8
    cmp     r5, r7, lsl #1
    cmphs   r5, r8, lsl #1
    movlo   r9, r6
    str     r9, [r2], #4
.endm

FUNCTION f32_max
    F32_ENTER
    ldmia   r0, {r0-r3, r7}         @ a b y count step
    orr     r6, r5, #QUIET
    mov     r5, r5, lsl #1
    mov     r10, r3
    mov     r3, r7
    LOOP    r10, 13*4, r8, r9
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    F32_LEAVE
