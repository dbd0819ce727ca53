/* Square root of a float32 array; the arithmetic is in f32_sqrt.inc.
 *
 * r0 x   r1 y   r3 0x7f000000   r7 element   r10 exponent   r12 significand; the others: f32.inc.
 */
#include "f32_sqrt.inc"

FUNCTION f32_sqrt
    F32_ENTER
    ldmia   r0, {r0-r2}             @ x y count
    mov     sp, r2
    mov     r3, #0x7f000000
next:
    ldr     r7, [r0], #4
    sub     r8, r7, #0x800000
    cmp     r8, r3
    bhs     special
    mov     r10, r7, lsr #23
    orr     r12, r4, r7, lsl #8
root:
    F32_ROOT
store:
    str     r8, [r1], #4
    subs    sp, sp, #1
    bne     next
    F32_LEAVE

special:
    movs    r8, r7, lsl #1
    moveq   r8, r7                  @ zeros
    beq     store
    cmp     r7, r5
    blo     1f
    moveq   r8, r7
    beq     store
    cmp     r8, r5, lsl #1
    orr     r8, r5, #QUIET
    bhi     store                   @ NaN
    F32_COUNT S_INVALID, r10, r11   @ negative
    b       store
1:  mov     r12, r7, lsl #8         @ subnormal
    clz     r11, r12
    mov     r12, r12, lsl r11
    rsb     r10, r11, #1
    b       root
