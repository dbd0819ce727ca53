/* int64 sums to int16 mantissas, a shift for each row, rounded half to even, clamped and counted; unrolled 4 times.
 *
 * A range proof keeps every quotient within 32 bits, so only the lower word of it is formed.
 *
 * r0 c   r1 y   r2 y_step   r3 shift   r4 32 - shift   r5 0x7fffffff   r6 0x7fff   r7 clamped   r8 rounds left
 * r9:r10 sum, r9 then the bits shifted out   r11 q   r12 where a row enters   lr shifts   sp state block
 */
#include "bfp16.inc"

#define S_SP        0
#define S_ROUNDS    4
#define S_ROWS      8   /* rows left */
#define S_Y        12   /* output of this row's first column */
#define S_YROW     16
#define S_COUNT    20   /* where the count goes */
#define STEP_BYTES 48

FUNCTION bfp16_narrow_s64
    push    {r4-r11, lr}
    ldmia   r0, {r0-r7}             @ c y shifts saturated m n y_step y_row
    mov     r8, #STATE_BASE
    str     sp, [r8, #S_SP]
    mov     sp, r8
    mov     lr, r2
    mov     r2, r6
    str     r3, [sp, #S_COUNT]
    str     r4, [sp, #S_ROWS]
    str     r1, [sp, #S_Y]
    str     r7, [sp, #S_YROW]
    ENTRY   r5, r12, r9, 2f, STEP_BYTES
    str     r5, [sp, #S_ROUNDS]
    mvn     r5, #0x80000000
    mov     r6, r5, lsr #16
    mov     r7, #0
1:
    ldr     r3, [lr], #4
    ldr     r8, [sp, #S_ROUNDS]
    rsb     r4, r3, #32
    bx      r12
2:
    .rept 4
    ldmia   r0!, {r9, r10}
    mov     r11, r9, lsr r3
    orr     r11, r11, r10, lsl r4
    mov     r9, r9, lsl r4
    ROUND   r11, r9, r5
    CLAMP   r11, r9, r6, r7
    strh    r11, [r1], r2
    .endr
    subs    r8, r8, #1
    bne     2b
    ldr     r8, [sp, #S_ROWS]
    ldr     r1, [sp, #S_Y]
    ldr     r9, [sp, #S_YROW]
    subs    r8, r8, #1
    str     r8, [sp, #S_ROWS]
    add     r1, r1, r9
    str     r1, [sp, #S_Y]
    bne     1b
    ldr     r0, [sp, #S_COUNT]
    ldr     sp, [sp, #S_SP]
    str     r7, [r0]
    pop     {r4-r11, pc}
