/* Y = S * 2**(ea + eb - 2 bits): int64 sums to float32, rounded once to nearest even; 30 cycles an element.
 *
 * The magnitude is shifted until bit 63 leads; what falls below 32 bits is remembered in the last of them. Rounding
 * to 24: where the last bit that stays is 0, subtracting 1 turns a tie into less than a half, then half up.
 * The exponent is added below the leading bit, so that a carry out of the significand counts it up.
 * A row whose exponents with all columns' cannot leave the normal numbers takes the fast loop, any other the slow one.
 *
 * r0 S   r1 eb   r2 Y   r3 ea - 2 bits + 189   r4 runs / columns left   r5, r6 sum   r7 exponent   r8 shift
 * r9 sign   r10 work   lr state block: the argument record, then what is named below
 */
#include "asm.h"
#include "float_gemm.h"

#define S_LOW     40   /* smallest and largest eb */
#define S_HIGH    44
#define S_ENTRY   48   /* where to enter the body */
#define S_RUNS    52
#define UNROLL 8

.macro LOAD                         @ r9 = sign, r6 : r5 = magnitude, EQ where its upper half is 0
    ldmia   r0!, {r5, r6}
    ldr     r7, [r1], #4
    mov     r9, r6, asr #31
    eor     r5, r5, r9
    eor     r6, r6, r9
    subs    r5, r5, r9
    sbcs    r6, r6, r9
    add     r7, r7, r3
.endm
.macro NORMALISE                    @ r6 = leading 32 bits, the last one sticky; r7 = exponent - 1; r8 = 32 for zero
    moveq   r6, r5
    moveq   r5, #0
    subeq   r7, r7, #32
    clz     r8, r6
    rsb     r10, r8, #32
    mov     r6, r6, lsl r8
    orr     r6, r6, r5, lsr r10
    movs    r5, r5, lsl r8
    orrne   r6, r6, #1
    sub     r7, r7, r8
.endm
.macro ROUND
    tst     r6, #0x100
    subeq   r6, r6, #1
    movs    r6, r6, lsr #8
    adc     r6, r6, r7, lsl #23
.endm

FUNCTION convert_f32_result
    push    {r4-r11, lr}
    mov     lr, #STATE_BASE
    ldmia   r0, {r1-r10}            @ s ea eb y count m n lds ldy bits
    stmia   lr, {r1-r10}
    sub     r9, r7, #1              @ the first run has ((n-1) mod 8) + 1 elements
    mov     r10, r9, lsr #3
    and     r9, r9, #(UNROLL-1)
    rsb     r9, r9, #(UNROLL-1)
    adr     r2, body
    mov     r11, #(body_end - body) / UNROLL
    mla     r2, r9, r11, r2
    add     r10, r10, #1
    str     r2, [lr, #S_ENTRY]
    str     r10, [lr, #S_RUNS]
    ldr     r4, [r3], #4
    mov     r5, r4
    b       2f
1:  ldr     r6, [r3], #4
    cmp     r6, r4
    movlt   r4, r6
    cmp     r6, r5
    movgt   r5, r6
2:  subs    r7, r7, #1
    bne     1b
    str     r4, [lr, #S_LOW]
    str     r5, [lr, #S_HIGH]
row:
    ldr     r4, [lr, #F32_RESULT_EA]
    ldr     r5, [lr, #F32_RESULT_BITS]
    ldr     r6, [lr, #S_LOW]
    ldr     r3, [r4], #4
    ldr     r7, [lr, #S_HIGH]
    str     r4, [lr, #F32_RESULT_EA]
    sub     r3, r3, r5, lsl #1
    add     r3, r3, #189
    add     r6, r6, r3
    add     r7, r7, r3
    ldr     r0, [lr, #F32_RESULT_S]
    ldr     r1, [lr, #F32_RESULT_EB]
    ldr     r2, [lr, #F32_RESULT_Y]
    cmp     r6, #63                 @ exponents 1 to 253, whatever the sums
    blt     slow
    cmp     r7, #252
    bgt     slow
    ldr     r4, [lr, #S_RUNS]
    ldr     pc, [lr, #S_ENTRY]
body:
    .rept UNROLL
    LOAD
    NORMALISE
    ROUND
    cmp     r8, #32
    moveq   r6, #0
    orr     r6, r6, r9, lsl #31
    str     r6, [r2], #4
    .endr
body_end:
    subs    r4, r4, #1
    bne     body
done:
    ldr     r0, [lr, #F32_RESULT_S]
    ldr     r2, [lr, #F32_RESULT_Y]
    ldr     r3, [lr, #F32_RESULT_LDS]
    ldr     r4, [lr, #F32_RESULT_LDY]
    ldr     r5, [lr, #F32_RESULT_M]
    add     r0, r0, r3, lsl #3
    add     r2, r2, r4, lsl #2
    str     r0, [lr, #F32_RESULT_S]
    str     r2, [lr, #F32_RESULT_Y]
    subs    r5, r5, #1
    str     r5, [lr, #F32_RESULT_M]
    bne     row
    pop     {r4-r11, pc}

slow:
    ldr     r4, [lr, #F32_RESULT_N]
    mov     r12, #0                 @ overflows
    mov     r11, #0x7f000000
    orr     r11, r11, #0x00800000
1:  LOAD
    NORMALISE
    cmp     r7, #(FLOAT_NONFINITE / 2)
    orrge   r6, r11, #0x00400000
    bge     4f
    cmp     r8, #32
    moveq   r6, #0
    beq     4f
    cmp     r7, #254
    bge     2f
    rsbs    r8, r7, #0              @ below the normal numbers: 1 to 31 and more bits are shifted out
    ble     3f
    cmp     r8, #31
    movgt   r8, #31
    rsb     r10, r8, #32
    movs    r10, r6, lsl r10
    mov     r6, r6, lsr r8
    orrne   r6, r6, #1
    mov     r7, #0
3:  ROUND
    cmp     r6, r11
2:  movge   r6, r11
    addge   r12, r12, #1
    orr     r6, r6, r9, lsl #31
4:  str     r6, [r2], #4
    subs    r4, r4, #1
    bne     1b
    ldr     r5, [lr, #F32_RESULT_COUNT]
    ldr     r6, [r5]
    add     r6, r6, r12
    str     r6, [r5]
    b       done
