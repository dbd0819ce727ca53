/* Rows of int16 mantissas to outer panels of 13-bit ones, rhe(x / 2^shift): three rows a panel, two pairs of k a loop.
 *
 * Words a, b, d of three rows hold k and k + 1; a and b swap halves by three exclusive-ors. Both halves of a word are
 * then rounded at once, as u = x + 32768: u += (half - 1) + (bit `shift` of u), shifted down. At a shift of 3 or less
 * |x| stays so far below 32768 that no half overflows (the host chooses the shift that way); at 4 the last two bits
 * are joined first. Each shift has a body of its own.
 *
 * r0-r2 rows   r3 panel   r4 a, r5 d, r6 b   r7 scratch   r8 0x80008000   r9 0x00010001   r10 half - 1, twice
 * r11 mask of a shifted half, twice   r12 32768 - (32768 >> shift), twice   lr loops left   sp state block
 */
#include "asm.h"

#define S_SP      0
#define S_X       4   /* first row of this panel */
#define S_PITCH   8
#define S_ROWS   12   /* rows left */
#define S_FIRST  16   /* loops of the first chunk */
#define S_CHUNKS 20   /* chunks of a panel */
#define S_WORDS  24   /* whether chunk words are wanted */
#define S_BODY   28
#define S_LEFT   32   /* chunks left in this panel | one LDM */
#define S_INDEX  36   /* chunks done | */

.macro LOAD
    ldr     r4, [r0], #4
    ldr     r6, [r1], #4
    ldr     r5, [r2], #4
    eor     r7, r6, r4, lsr #16
    mov     r7, r7, lsl #16
    eor     r4, r4, r7
    eor     r6, r6, r7, lsr #16
.endm
.macro HALVES w, shift
    and     r7, r9, \w, lsr #\shift
    add     \w, \w, r10
    add     \w, \w, r7
    and     \w, r11, \w, lsr #\shift
    add     \w, \w, r12
    eor     \w, \w, r8
.endm
.macro BODY shift
    LOAD
    .irp w, r4, r5, r6
    eor     \w, \w, r8
    HALVES  \w, \shift
    .endr
    stmia   r3!, {r4, r5, r6}
.endm
.macro BODY4 shift
    LOAD
    .irp w, r4, r5, r6
    eor     \w, \w, r8
    and     r7, \w, r9
    bic     \w, \w, r9
    orr     \w, r7, \w, lsr #1
    HALVES  \w, 3
    .endr
    stmia   r3!, {r4, r5, r6}
.endm
.macro BODY0 shift
    LOAD
    stmia   r3!, {r4, r5, r6}
.endm
.macro LOOP body, shift
    \body   \shift
    \body   \shift
    subs    lr, lr, #1
.endm

FUNCTION bfp16_round13_outer_u32
    push    {r4-r11, lr}
    ldmia   r0, {r0-r6}             @ x panels rows pairs pitch shift chunk_words
    mov     r12, #STATE_BASE
    str     sp, [r12, #S_SP]
    mov     sp, r12
    str     r0, [sp, #S_X]
    str     r4, [sp, #S_PITCH]
    str     r2, [sp, #S_ROWS]
    str     r6, [sp, #S_WORDS]
    add     r7, r3, #31
    mov     r7, r7, lsr #5
    str     r7, [sp, #S_CHUNKS]
    sub     r7, r3, #1
    and     r7, r7, #31
    add     r7, r7, #1
    mov     r7, r7, lsr #1
    str     r7, [sp, #S_FIRST]
    mov     r3, r1
    mov     r9, #1                  @ half - 1, mask and offset in one half, then in both
    orr     r9, r9, r9, lsl #16
    mov     r8, r9, lsl #15
    mov     r10, r9, lsl r5
    mov     r10, r10, lsr #1
    cmp     r5, #4
    moveq   r10, r9, lsl #2
    sub     r10, r10, r9            @ not used at shift 0
    mvn     r11, #0
    mov     r11, r11, lsr #16
    mov     r7, r11
    mov     r11, r11, lsr r5
    moveq   r11, r7, lsr #3
    orr     r11, r11, r11, lsl #16
    mov     r12, r8, lsr r5
    sub     r12, r8, r12
    adr     r7, entries
    add     r7, r7, r5, lsl #2
    str     r7, [sp, #S_BODY]

panel:
    ldr     r0, [sp, #S_X]
    ldr     r4, [sp, #S_PITCH]
    ldr     r5, [sp, #S_ROWS]
    ldr     r6, [sp, #S_CHUNKS]
    ldr     lr, [sp, #S_FIRST]
    mov     r1, r0
    cmp     r5, #2
    addhs   r1, r1, r4
    mov     r2, r1
    cmp     r5, #3
    addhs   r2, r2, r4
    add     r7, r2, r4
    str     r7, [sp, #S_X]
    sub     r5, r5, #3
    str     r5, [sp, #S_ROWS]
    mov     r7, #0
    str     r6, [sp, #S_LEFT]
    str     r7, [sp, #S_INDEX]
chunk:
    ldr     r7, [sp, #S_BODY]
    bx      r7
entries:
    b       body0
    b       body1
    b       body2
    b       body3
    b       body4
body0:
    LOOP    BODY0, 0
    bne     body0
    b       done
body1:
    LOOP    BODY, 1
    bne     body1
    b       done
body2:
    LOOP    BODY, 2
    bne     body2
    b       done
body3:
    LOOP    BODY, 3
    bne     body3
    b       done
body4:
    LOOP    BODY4, 4
    bne     body4
    b       done

done:                               @ behind a chunk: its word, 0 for the last, else 1, 3, 1, 2, 1, 2, ...
    ldr     r4, [sp, #S_LEFT]
    ldr     r5, [sp, #S_INDEX]
    ldr     r6, [sp, #S_WORDS]
    mov     r7, #2
    tst     r5, #1
    moveq   r7, #1
    cmp     r5, #1
    moveq   r7, #3
    subs    r4, r4, #1
    moveq   r7, #0
    add     r5, r5, #1
    str     r4, [sp, #S_LEFT]
    str     r5, [sp, #S_INDEX]
    cmp     r6, #0
    strne   r7, [r3], #4
    mov     lr, #16
    cmp     r4, #0
    bne     chunk
    ldr     r5, [sp, #S_ROWS]
    cmp     r5, #0
    bgt     panel
    cmp     r6, #0
    streq   r4, [r3]                @ the word that the product reads ahead
    ldr     sp, [sp, #S_SP]
    pop     {r4-r11, pc}
