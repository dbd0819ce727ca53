/* Euclidean norm of float32: root of the dot product of x with itself; 26 cycles an element. Registers: f32_dot.inc. */
#include "f32_dot.inc"
#include "f32_sqrt.inc"

.macro LARGEST
    ldr     r7, [r0], #4
    LARGER  r9, r7
.endm

.macro TAKE checked
    ldr     r7, [r0], #4
    MANTISSA r7, r5, \checked
    smlal   r2, r3, r7, r7
.endm

FUNCTION f32_nrm2
    F32_ENTER
    mov     r9, #STATE_BASE
    str     r0, [r9, #S_ARGS]
    ldmia   r0, {r0-r2}
    mov     r9, #0
    mov     r10, #0
    LOOP    r2, 3*4, r7, r8
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
    ldmia   r8, {r0-r2}
    mov     r7, r2
    ldr     r10, [r8, #F32_NRM2_BITS]
    BLOCK   r5, r9
    mov     r6, r5
    mov     r2, #0
    mov     r3, #0
    mov     r12, #1
    mov     lr, #255
    cmp     r5, lr
    cmpls   r6, lr
    bhi     wide
    LOOP    r7, 14*4, r8, r9
    .rept UNROLL
    TAKE    0
    .endr
    LOOP_END
round:
    SUM_ROUND
    cmp     r8, #0
    beq     store
    cmp     r8, r5
    beq     store
    movs    r10, r8, lsr #23
    beq     3f
    orr     r12, r4, r8, lsl #8
root:
    F32_ROOT
store:
    mov     r9, #STATE_BASE
    ldr     r9, [r9, #S_ARGS]
    ldr     r9, [r9, #F32_NRM2_Y]
    str     r8, [r9]
    F32_LEAVE

wide:
    mov     sp, r7
2:  TAKE    1
    subs    sp, sp, #1
    bne     2b
    b       round
3:  mov     r12, r8, lsl #8         @ subnormal
    clz     r11, r12
    mov     r12, r12, lsl r11
    rsb     r10, r11, #1
    b       root
