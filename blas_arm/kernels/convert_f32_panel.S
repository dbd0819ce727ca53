/* Rows of float32 to an exponent each and int32 mantissas in panels of two rows: 11 cycles an element.
 *
 * With M = the significand, its leading bit at 31, an element is q = rne(M / 2**s), s = E(top) + 32 - bits - E(x).
 *   subs  s, base, x, asr #23   base = 0x7fffff00 + E(top) + 32 - bits: s in the low byte, and V = x is negative,
 *                               since only then the difference passes 2**31; no instruction below touches V
 *   tst   M, one, lsl s         the last bit of q; where it is 0, M - 1 turns a tie into less than a half
 *   movs  q, M, lsr s ; adc     rounds half up
 * Zeros and subnormals read as 2**-127 and come out as 0 while s >= 33; that, and s <= 255, holds for rows whose
 * largest magnitude lies in 2**(bits-126) to 2**(bits+97). Other rows, but for those of zeros, take a slower loop.
 *
 * r0 x   r1 bytes between elements   r2 q   r3 base   r4 2**31   r5 1   r6, r7 elements   r8 s   r9 runs left
 * lr state block: the argument record, then what is named below
 */
#include "asm.h"
#include "float_gemm.h"

#define S_PAIRS   44   /* pairs of elements of a row */
#define S_ENTRY   48   /* where to enter the body */
#define S_SECOND  52   /* 1 in the second row of a pair */
#define UNROLL 16                   /* pairs of elements */
#define PAIR_BYTES 72

.macro ELEMENT x
    subs    r8, r3, \x, asr #23
    orr     \x, r4, \x, lsl #8
    tst     \x, r5, lsl r8
    subeq   \x, \x, #1
    movs    \x, \x, lsr r8
    adc     \x, \x, #0
    rsbvs   \x, \x, #0
    str     \x, [r2], #8
.endm

FUNCTION convert_f32_panel
    push    {r4-r11, lr}
    mov     lr, #STATE_BASE
    ldmia   r0, {r1-r11}
    stmia   lr, {r1-r11}            @ x top panels exponents count rows k k_stride row_stride pair_stride bits
    mov     r7, r7, lsr #1
    sub     r9, r7, #1              @ the first run has ((pairs-1) mod 16) + 1 pairs
    and     r9, r9, #(UNROLL-1)
    rsb     r9, r9, #(UNROLL-1)
    add     r9, r9, r9, lsl #3
    adr     r3, body
    add     r9, r3, r9, lsl #3      @ 72 bytes a pair
    mov     r10, #0
    add     r12, lr, #S_PAIRS
    stmia   r12, {r7, r9, r10}
row:
    ldr     r10, [lr, #F32_PANEL_TOP]
    ldr     r11, [lr, #F32_PANEL_BITS]
    ldr     r12, [lr, #F32_PANEL_EXPONENTS]
    ldr     r6, [r10], #4
    ldr     r0, [lr, #F32_PANEL_X]
    ldr     r1, [lr, #F32_PANEL_K_STRIDE]
    str     r10, [lr, #F32_PANEL_TOP]
    ldr     r2, [lr, #F32_PANEL_PANELS]
    mov     r7, r6, lsr #23
    mvn     r3, #0x80000000
    sub     r8, r7, #1
    sub     r8, r8, r11             @ 0 to 222 in the fast rows
    bic     r3, r3, #0xff
    add     r3, r3, #32
    mov     r4, #0x80000000
    sub     r3, r3, r11
    cmp     r8, #222
    bhi     other
    add     r3, r3, r7
    sub     r7, r7, #126
fast:
    ldr     r8, [lr, #F32_PANEL_K]
    ldr     r9, [lr, #S_PAIRS]
    str     r7, [r12], #4
    mov     r5, #1
    str     r12, [lr, #F32_PANEL_EXPONENTS]
    tst     r8, #1
    beq     even
    ldr     r6, [r0], r1
    ELEMENT r6
even:
    add     r9, r9, #(UNROLL-1)
    movs    r9, r9, lsr #4
    ldrne   pc, [lr, #S_ENTRY]
    b       done
body:
    .rept UNROLL
    ldr     r6, [r0], r1
    ldr     r7, [r0], r1
    ELEMENT r6
    ELEMENT r7
    .endr
    subs    r9, r9, #1
    bne     body
done:                               @ to the next row: x + row_stride and q + 1, or the next pair
    ldr     r8, [lr, #S_SECOND]
    ldr     r0, [lr, #F32_PANEL_X]
    ldr     r2, [lr, #F32_PANEL_PANELS]
    ldr     r10, [lr, #F32_PANEL_ROW_STRIDE]
    ldr     r11, [lr, #F32_PANEL_PAIR_STRIDE]
    ldr     r12, [lr, #F32_PANEL_K]
    ldr     r9, [lr, #F32_PANEL_ROWS]
    eors    r8, r8, #1
    addne   r0, r0, r10
    addne   r2, r2, #4
    addeq   r0, r0, r11
    subeq   r0, r0, r10
    addeq   r2, r2, r12, lsl #3
    subeq   r2, r2, #4
    str     r8, [lr, #S_SECOND]
    str     r0, [lr, #F32_PANEL_X]
    str     r2, [lr, #F32_PANEL_PANELS]
    subs    r9, r9, #1
    str     r9, [lr, #F32_PANEL_ROWS]
    bne     row
    cmp     r8, #0
    popeq   {r4-r11, pc}
zero:                               @ the second row of the last pair does not exist
    str     r9, [r2], #8
    subs    r12, r12, #1
    bne     zero
    pop     {r4-r11, pc}

other:
    cmp     r6, #0
    moveq   r4, #0                  @ a row of zeros: every M is 0, and s = 40
    biceq   r3, r3, #0xff
    addeq   r3, r3, #40
    beq     fast                    @ with e = r7 = 0
    mov     r5, #0x7f000000
    orr     r5, r5, #0x00800000
    ldr     r9, [lr, #F32_PANEL_K]
    cmp     r6, r5
    blo     slow
    ldr     r10, [lr, #F32_PANEL_COUNT]
    mov     r7, #FLOAT_NONFINITE
    str     r7, [r12], #4
    ldr     r8, [r10]
    str     r12, [lr, #F32_PANEL_EXPONENTS]
    add     r8, r8, #1
    str     r8, [r10]
    mov     r6, #0
1:  str     r6, [r2], #8
    subs    r9, r9, #1
    bne     1b
    b       done

slow:                               @ any finite row; r3 = E(top) + 32 - bits with subnormals counted on
    cmp     r7, #0
    clzeq   r7, r6
    rsbeq   r7, r7, #9
    sub     r8, r7, #126
    str     r8, [r12], #4
    str     r12, [lr, #F32_PANEL_EXPONENTS]
    mov     r5, #1
    rsb     r3, r11, #32
    add     r3, r3, r7
1:  ldr     r6, [r0], r1
    mov     r8, r6, lsl #1
    movs    r8, r8, lsr #24
    mov     r7, r6, lsl #8
    orrne   r7, r7, r4
    moveq   r8, #1
    rsbs    r8, r8, r3
    ble     2f
    cmp     r7, #0                  @ a zero has nothing to take 1 from
    moveq   r8, #40
    cmp     r8, #40
    movgt   r8, #40
    tst     r7, r5, lsl r8
    subeq   r7, r7, #1
    movs    r7, r7, lsr r8
    adc     r7, r7, #0
    b       3f
2:  rsb     r8, r8, #0
    mov     r7, r7, lsl r8
3:  cmp     r6, #0
    rsblt   r7, r7, #0
    str     r7, [r2], #8
    subs    r9, r9, #1
    bne     1b
    b       done
