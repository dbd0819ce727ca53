/* x = rhe(x / 2^shift) of int16 mantissas, in place, two in a word: 9 cycles a word, 12 at a shift of 4.
 *
 * The rounding is that of bfp16_round13_outer_u32: a tile whose elements go into many panels is rounded once. A shift of
 * 0, which is known only when the kernel runs, leaves everything as it is.
 *
 * r0 x   r1 rounds of four quads   r4, r5 words   r7 scratch   r8 0x80008000   r9 0x00010001   r10 half - 1, twice
 * r11 mask of a shifted half, twice   r12 32768 - (32768 >> shift), twice
 */
#include "asm.h"

#define UNROLL 4
#define QUAD_BYTES (17*4)           /* and six more instructions at a shift of 4 */
#define LOOP_BYTES (UNROLL * QUAD_BYTES + 3*4)

.macro HALVES w, shift
    and     r7, r9, \w, lsr #\shift
    add     \w, \w, r10
    add     \w, \w, r7
    and     \w, r11, \w, lsr #\shift
    add     \w, \w, r12
    eor     \w, \w, r8
.endm
.macro WORD w, shift
    eor     \w, \w, r8
    .if \shift == 4                 @ the last two bits joined: below, at or above one half stays
    and     r7, \w, r9
    bic     \w, \w, r9
    orr     \w, r7, \w, lsr #1
    HALVES  \w, 3
    .else
    HALVES  \w, \shift
    .endif
.endm
.macro LOOP shift
1:
    .rept UNROLL
    ldr     r4, [r0]
    ldr     r5, [r0, #4]
    WORD    r4, \shift
    WORD    r5, \shift
    stmia   r0!, {r4, r5}
    .endr
    subs    r1, r1, #1
    bne     1b
    pop     {r4-r11, pc}
.endm

FUNCTION bfp16_round13
    push    {r4-r11, lr}
    ldmia   r0, {r0-r2}             @ x quads shift
    cmp     r2, #0
    popeq   {r4-r11, pc}
    mov     r9, #1
    orr     r9, r9, r9, lsl #16
    mov     r8, r9, lsl #15
    mov     r10, r9, lsl r2
    mov     r10, r10, lsr #1
    cmp     r2, #4
    moveq   r10, r9, lsl #2
    sub     r10, r10, r9
    mvn     r11, #0
    mov     r7, r11, lsr #16
    mov     r11, r7, lsr r2
    moveq   r11, r7, lsr #3
    orr     r11, r11, r11, lsl #16
    mov     r12, r8, lsr r2
    sub     r12, r8, r12
    rsb     r4, r1, #0
    and     r4, r4, #(UNROLL-1)     @ quads that the first round leaves out
    add     r1, r1, #(UNROLL-1)
    mov     r1, r1, lsr #2
    adr     r5, shift1
    sub     r7, r2, #1
    mov     r6, #LOOP_BYTES
    mla     r5, r7, r6, r5
    mov     r6, #QUAD_BYTES
    cmp     r2, #4
    moveq   r6, #(QUAD_BYTES + 6*4)
    mla     r5, r4, r6, r5
    bx      r5
shift1:
    LOOP    1
    LOOP    2
    LOOP    3
    LOOP    4
