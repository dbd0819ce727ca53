/* Row sums of float32 by a pairwise tree, level by level: the first from x to scratch, the others within scratch.
 *
 * r0 level's elements   r1 how many   r2 next level's   r3 x; the others: f32.inc.
 */
#include "f32.inc"

#define S_Y        8
#define S_SCRATCH 12
#define S_ROWS    16
#define S_COLUMNS 20

.macro TAKE
    ldr     r7, [r0], #4
    ldr     r8, [r0], #4
    F32_ADD
    str     r8, [r2], #4
.endm

FUNCTION f32_reduce_sum
    F32_ENTER
    ldmia   r0, {r0-r3, r7}         @ x y scratch rows columns
    mov     r9, #STATE_BASE
    str     r1, [r9, #S_Y]
    str     r2, [r9, #S_SCRATCH]
    str     r3, [r9, #S_ROWS]
    str     r7, [r9, #S_COLUMNS]
    mov     r3, r0
row:
    mov     r9, #STATE_BASE
    ldr     r1, [r9, #S_COLUMNS]
    mov     r0, r3
    add     r3, r3, r1, lsl #2
level:
    movs    r10, r1, lsr #1
    beq     end
    mov     r9, #STATE_BASE
    ldr     r2, [r9, #S_SCRATCH]
    LOOP    r10, (ADD_BYTES + 3*4), r8, r9
    .rept UNROLL
    TAKE
    .endr
    LOOP_END
    movs    r1, r1, lsr #1
    bcc     1f
    ldr     r7, [r0]
    add     r1, r1, #1
    str     r7, [r2]
1:  mov     r9, #STATE_BASE
    ldr     r0, [r9, #S_SCRATCH]
    b       level
end:
    mov     r9, #STATE_BASE
    ldr     r8, [r0]
    ldr     r2, [r9, #S_Y]
    mov     r7, r5, lsl #1
    cmp     r7, r8, lsl #1
    orrlo   r8, r5, #QUIET
    str     r8, [r2], #4
    str     r2, [r9, #S_Y]
    ldr     r10, [r9, #S_ROWS]
    subs    r10, r10, #1
    str     r10, [r9, #S_ROWS]
    bne     row
    F32_LEAVE
    F32_ADD_SPECIAL
