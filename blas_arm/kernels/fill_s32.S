/* Runs of one word: 1 cycle a word, and some 15 a run.
 *
 * Bits 0 to 3 of the length store 1, 2, 4 and 8 words, a loop stores 16 at a time.
 * r0 y   r1 bytes from behind a run to the next   r2 words   r3 rows left   r4-r11 value   r12 loops, scratch
 */
#include "asm.h"

FUNCTION fill_s32
    push    {r4-r11, lr}
    ldmia   r0, {r0-r4}             @ y value words rows y_row
    mov     r5, r1
    sub     r1, r4, r2, lsl #2
    mov     r4, r5
    mov     r6, r5
    mov     r7, r5
    mov     r8, r5
    mov     r9, r5
    mov     r10, r5
    mov     r11, r5
row:
    movs    r12, r2, lsl #31        @ N is bit 0, C is bit 1
    strmi   r4, [r0], #4
    stmiacs r0!, {r4, r5}
    movs    r12, r2, lsl #29        @ N is bit 2, C is bit 3
    stmiami r0!, {r4-r7}
    stmiacs r0!, {r4-r11}
    movs    r12, r2, lsr #4
    beq     2f
1:  stmia   r0!, {r4-r11}
    stmia   r0!, {r4-r11}
    subs    r12, r12, #1
    bne     1b
2:  subs    r3, r3, #1
    add     r0, r0, r1
    bne     row
    pop     {r4-r11, pc}
