/* int16 mantissas to float32, exactly; a word of two a step, unrolled 4 times.
 *
 * q << 16 is normalised by its leading zeros z: bits = ((141 + e - z) << 23) + (fraction >> 8), where the leading one
 * adds 1 to the exponent field.
 *
 * r0 q   r1 y   r2 rounds   r3 141 + e   r4 0x0000ffff   r5 word   r6 value   r7 zeros
 */
#include "bfp16.inc"

.macro VALUE                        @ flags say whether r6 is negative or zero
    rsbmi   r6, r6, #0
    clz     r7, r6
    mov     r6, r6, lsl r7
    sub     r7, r3, r7
    mov     r6, r6, lsr #8
    add     r6, r6, r7, lsl #23
    orrmi   r6, r6, #0x80000000
    moveq   r6, #0
    str     r6, [r1], #4
.endm
#define STEP_BYTES 84

FUNCTION bfp16_to_f32
    push    {r4-r7, lr}
    ldmia   r0, {r0-r3}             @ q y pairs bias
    mvn     r4, #0
    mov     r4, r4, lsr #16
    ENTRY   r2, r5, r6, 1f, STEP_BYTES
    bx      r5
1:
    .rept 4
    ldr     r5, [r0], #4
    movs    r6, r5, lsl #16
    VALUE
    bics    r6, r5, r4
    VALUE
    .endr
    subs    r2, r2, #1
    bne     1b
    pop     {r4-r7, pc}
