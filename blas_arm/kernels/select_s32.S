/* Words of a where a byte is not 0, else of b: 6 cycles an element.
 *
 * r0 condition   r1 a   r2 b   r3 y   r4 rounds left   r5 step of a   r6 step of b   r7-r9 work
 */
#include "asm.h"

#define UNROLL 4

.macro TAKE
    ldrb    r7, [r0], #1
    ldr     r8, [r1], r5
    ldr     r9, [r2], r6
    cmp     r7, #0
    moveq   r8, r9
    str     r8, [r3], #4
.endm

FUNCTION select_s32
    push    {r4-r9, lr}
    ldmia   r0, {r0-r6}             @ condition a b y count a_step b_step
    rsb     r7, r4, #0
    and     r7, r7, #(UNROLL-1)
    add     r4, r4, #(UNROLL-1)
    mov     r4, r4, lsr #2
    add     r7, r7, r7, lsl #1
    adr     r8, 1f
    add     r8, r8, r7, lsl #3      @ 24 bytes an element
    bx      r8
1:  .rept UNROLL
    TAKE
    .endr
    subs    r4, r4, #1
    bne     1b
    pop     {r4-r9, pc}
