/* Runs of words from place to place: 2 cycles a word, and some 25 a run.
 *
 * Bits 0 to 3 of the length move 1, 2, 4 and 8 words, a loop moves 16 at a time.
 * r0 x   r1 y   r2 words   r3 rows left   r4-r11 words   r12 loops   lr bytes from behind a run of x to the next
 * sp state block
 */
#include "asm.h"

#define S_ROWS   0
#define S_PLANES 4
#define S_YGAP   8    /* bytes from behind a run of y to the next */
#define S_XJUMP 12    /* bytes from behind a plane's last run, and the gap, to the next plane */
#define S_YJUMP 16
#define S_SP    20

FUNCTION copy_s32
    push    {r4-r11, lr}
    mov     r12, #STATE_BASE
    str     sp, [r12, #S_SP]
    mov     sp, r12
    ldmia   r0, {r0-r8}             @ x y words rows planes x_row y_row x_plane y_plane
    stmia   sp, {r3, r4}
    mul     r9, r3, r5
    mul     r10, r3, r6
    sub     lr, r5, r2, lsl #2
    sub     r6, r6, r2, lsl #2
    sub     r7, r7, r9
    sub     r8, r8, r10
    str     r6, [sp, #S_YGAP]
    str     r7, [sp, #S_XJUMP]
    str     r8, [sp, #S_YJUMP]
row:
    movs    r4, r2, lsl #31         @ N is bit 0, C is bit 1
    ldrmi   r4, [r0], #4
    ldmiacs r0!, {r5, r6}
    strmi   r4, [r1], #4
    stmiacs r1!, {r5, r6}
    movs    r4, r2, lsl #29         @ N is bit 2, C is bit 3
    ldmiami r0!, {r4-r7}
    stmiami r1!, {r4-r7}
    ldmiacs r0!, {r4-r11}
    stmiacs r1!, {r4-r11}
    movs    r12, r2, lsr #4
    beq     2f
1:  ldmia   r0!, {r4-r11}
    stmia   r1!, {r4-r11}
    ldmia   r0!, {r4-r11}
    stmia   r1!, {r4-r11}
    subs    r12, r12, #1
    bne     1b
2:  ldr     r4, [sp, #S_YGAP]
    add     r0, r0, lr
    subs    r3, r3, #1
    add     r1, r1, r4
    bne     row
    ldmia   sp, {r3, r4}
    ldr     r5, [sp, #S_XJUMP]
    ldr     r6, [sp, #S_YJUMP]
    subs    r4, r4, #1
    add     r0, r0, r5
    add     r1, r1, r6
    str     r4, [sp, #S_PLANES]
    bne     row
    ldr     sp, [sp, #S_SP]
    pop     {r4-r11, pc}
