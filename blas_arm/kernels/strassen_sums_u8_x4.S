/* T1 = B12 - B11, T2 = B22 - T1, T3 = B22 - B12 (in place of B12), T4 = T2 - B21 on words of two halves.
 *
 * The halves of B are 0..255, so a word is the number 65536 * high + low, and sums of words are sums of both halves
 * at once. A negative low half has borrowed from the high one: its bit 15 is added back there. 20 cycles a word.
 *
 * r0 B11   r1 B12, T3   r2 B21   r3 B22   r4 T1   r5 T2   r6 T4   r7 words left   r8-r12 values, lr mask
 */
#include "asm.h"

.macro STEP
    ldr     r8, [r0], #4
    ldr     r9, [r1]
    ldr     r11, [r3], #4
    ldr     r10, [r2], #4
    sub     r8, r9, r8              @ T1
    sub     r9, r11, r9             @ T3
    sub     r11, r11, r8            @ T2
    sub     r10, r11, r10           @ T4
    and     r12, r8, lr
    add     r8, r8, r12, lsl #1
    str     r8, [r4], #4
    and     r12, r9, lr
    add     r9, r9, r12, lsl #1
    str     r9, [r1], #4
    and     r12, r11, lr
    add     r11, r11, r12, lsl #1
    str     r11, [r5], #4
    and     r12, r10, lr
    add     r10, r10, r12, lsl #1
    str     r10, [r6], #4
.endm
#define UNROLL 4

FUNCTION strassen_sums_u8_x4
    push    {r4-r11, lr}
    ldmia   r0, {r0-r7}
    mov     lr, #0x8000
    subs    r7, r7, #UNROLL
    bmi     rest
body:
    .rept UNROLL
    STEP
    .endr
    subs    r7, r7, #UNROLL
    bpl     body
rest:
    adds    r7, r7, #UNROLL
    beq     done
1:  STEP
    subs    r7, r7, #1
    bne     1b
done:
    pop     {r4-r11, pc}
