/* C12 = P1 + P6 + P5, C21 = P1 + P6 + P7, C22 = C21 + P5 from P1 in C11, P6 in C12, P7 in C21, P5 in C22.
 *
 * 11 cycles an element.
 * r0 C11   r1 C12   r2 C21   r3 C22   r12 elements left   r4-r7 values
 */
#include "asm.h"

.macro STEP
    ldr     r4, [r0], #4
    ldr     r5, [r1]
    ldr     r6, [r2]
    ldr     r7, [r3]
    add     r5, r5, r4
    add     r6, r6, r5
    add     r5, r5, r7
    add     r7, r7, r6
    str     r5, [r1], #4
    str     r6, [r2], #4
    str     r7, [r3], #4
.endm
#define UNROLL 8

FUNCTION strassen_combine_s32_x8
    push    {r4-r7}
    ldmia   r0, {r0-r3, r12}
    subs    r12, r12, #UNROLL
    bmi     rest
body:
    .rept UNROLL
    STEP
    .endr
    subs    r12, r12, #UNROLL
    bpl     body
rest:
    adds    r12, r12, #UNROLL
    beq     done
1:  STEP
    subs    r12, r12, #1
    bne     1b
done:
    pop     {r4-r7}
    bx      lr
