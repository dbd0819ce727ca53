/* Dot product of float32 by block floating point: 41 cycles an element in two passes. Registers: f32_dot.inc. */
#include "f32_dot.inc"

.macro LARGEST
    ldr     r7, [r0], #4
    ldr     r8, [r1], #4
    LARGER  r9, r7
    LARGER  r10, r8
.endm

.macro TAKE checked
    ldr     r7, [r0], #4
    ldr     r8, [r1], #4
    MANTISSA r7, r5, \checked
    MANTISSA r8, r6, \checked
    smlal   r2, r3, r7, r8
.endm

FUNCTION f32_dot
    F32_ENTER
    mov     r9, #STATE_BASE
    str     r0, [r9, #S_ARGS]
    ldmia   r0, {r0-r3}
    mov     r9, #0
    mov     r10, #0
    LOOP    r3, 6*4, r7, r8
    .rept UNROLL
    LARGEST
    .endr
    LOOP_END
    mov     r8, #STATE_BASE
    ldr     r8, [r8, #S_ARGS]
    mov     r7, r5, lsl #1
    cmp     r9, r7
    cmplo   r10, r7
    orrhs   r8, r5, #QUIET
    bhs     store
    ldmia   r8, {r0-r3}
    mov     r7, r3
    ldr     r11, [r8, #F32_DOT_BITS]
    mov     r2, r10
    mov     r10, r11
    BLOCK   r5, r9
    BLOCK   r6, r2
    mov     r2, #0
    mov     r3, #0
    mov     r12, #1
    mov     lr, #255
    cmp     r5, lr
    cmpls   r6, lr
    bhi     wide
    LOOP    r7, 27*4, r8, r9
    .rept UNROLL
    TAKE    0
    .endr
    LOOP_END
round:
    SUM_ROUND
store:
    mov     r9, #STATE_BASE
    ldr     r9, [r9, #S_ARGS]
    ldr     r9, [r9, #F32_DOT_Y]
    str     r8, [r9]
    F32_LEAVE

wide:
    mov     sp, r7
2:  TAKE    1
    subs    sp, sp, #1
    bne     2b
    b       round
