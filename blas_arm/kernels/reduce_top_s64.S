/* The largest magnitude of each row of int64: 11 cycles an element.
 *
 * r0 c   r1 y   r2 rows left   r3 rounds of a row   r4, r5 element   r6 its magnitude's upper word   r7, r8 the largest
 * r9 rounds left   r10 where to enter the first   r11 whether y joins the maxima
 */
#include "asm.h"

#define UNROLL 4

FUNCTION reduce_top_s64
    push    {r4-r11, lr}
    ldmia   r0, {r0-r4}             @ c y rows columns accumulate
    mov     r11, r4
    rsb     r4, r3, #0
    and     r4, r4, #(UNROLL-1)
    mov     r5, #((2f - 1f) / UNROLL)
    adr     r10, 1f
    mla     r10, r4, r5, r10
    add     r3, r3, #(UNROLL-1)
    mov     r3, r3, lsr #2
row:
    cmp     r11, #0
    mov     r7, #0
    mov     r8, #0
    ldmiane r1, {r7, r8}
    mov     r9, r3
    bx      r10
1:  .rept UNROLL
    ldmia   r0!, {r4, r5}
    eor     r4, r4, r5, asr #31
    eor     r6, r5, r5, asr #31
    adds    r4, r4, r5, lsr #31
    adc     r6, r6, #0
    cmp     r6, r8
    cmpeq   r4, r7
    movhi   r7, r4
    movhi   r8, r6
    .endr
2:  subs    r9, r9, #1
    bne     1b
    stmia   r1!, {r7, r8}
    subs    r2, r2, #1
    bne     row
    pop     {r4-r11, pc}
