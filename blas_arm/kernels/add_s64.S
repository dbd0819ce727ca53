/* Sum of int64 arrays: 9 cycles an element.
 *
 * r0 x   r1 y   r2 rounds left   r3 where to enter the first   r4, r5 element of x   r6, r7 of y
 */
#include "asm.h"

#define UNROLL 8

FUNCTION add_s64
    push    {r4-r7, lr}
    ldmia   r0, {r0-r2}             @ x y count
    rsb     r4, r2, #0
    and     r4, r4, #(UNROLL-1)
    mov     r5, #((2f - 1f) / UNROLL)
    adr     r3, 1f
    mla     r3, r4, r5, r3
    add     r2, r2, #(UNROLL-1)
    mov     r2, r2, lsr #3
    bx      r3
1:  .rept UNROLL
    ldmia   r1, {r6, r7}
    ldmia   r0!, {r4, r5}
    adds    r6, r6, r4
    adc     r7, r7, r5
    stmia   r1!, {r6, r7}
    .endr
2:  subs    r2, r2, #1
    bne     1b
    pop     {r4-r7, pc}
