/* float32 to bytes of a grid: the step by halving a table of keys, two elements at a time; 39 cycles an element.
 *
 * A key is the number's bits with all but the sign of negative ones inverted: keys are ordered as the numbers are, and
 * exact, so rounding is the table's. Elements beyond its ends, NaN among them, leave the straight line to be counted.
 *
 * r0 x   r1 y   r2, r3 entry of the step   r4, r5 temporaries   r6, r7 key   r8 to be taken off a quarter of an entry's
 * address   r9 table   r10, r11 first key that is not clamped, and how many are not   r12 entry of the zero point
 * lr lost elements   sp pairs left
 */
#include "asm.h"

#define S_SP      0
#define S_COUNTS  4
#define S_ODD     8
#define S_CLAMPED 12
#define S_STRANGE 16

.macro KEY k, t
    mov     \t, \k, asr #31
    eor     \k, \k, \t, lsr #1
.endm

/* To \out for what is clamped or not finite. */
.macro CHECK k, t, out
    sub     \t, \k, r10
    cmp     \t, r11
    bhs     \out
.endm

/* A number other than 0 at the zero point is lost; a 0 is always there. */
.macro STEP_STORE p, k, t
    teq     \p, r12
    addeq   lr, lr, #1
    eors    \t, \k, \k, asr #31
    subeq   lr, lr, #1
    rsb     \p, r8, \p, lsr #2
    strb    \p, [r1], #1
.endm

/* Counts \k, which is clamped or not finite; an element at the zero point must not be counted as lost, too. */
.macro BEYOND k, t, u, back
    eor     \t, \k, \k, asr #31
    mov     \u, #255
    cmp     \t, \u, lsl #23
    mov     \t, #STATE_BASE
    ldrlo   \u, [\t, #S_CLAMPED]
    ldrhs   \u, [\t, #S_STRANGE]
    add     \u, \u, #1
    strlo   \u, [\t, #S_CLAMPED]
    strhs   \u, [\t, #S_STRANGE]
    cmp     \k, r10
    movlt   \u, r9
    addge   \u, r9, #255*4
    cmp     \u, r12
    subeq   lr, lr, #1              @ STEP_STORE takes it for lost
    b       \back
.endm

.macro HALVE half
    ldr     r4, [r2, #4*\half]
    ldr     r5, [r3, #4*\half]
    cmp     r6, r4
    addge   r2, r2, #4*\half
    cmp     r7, r5
    addge   r3, r3, #4*\half
.endm
.macro HALVE_ONE half
    ldr     r4, [r2, #4*\half]
    cmp     r6, r4
    addge   r2, r2, #4*\half
.endm

FUNCTION f32_quantize_8
    push    {r4-r11, lr}
    mov     r12, #STATE_BASE
    str     sp, [r12, #S_SP]
    ldmia   r0, {r0-r6}             @ x y table counts count zero first
    mov     r9, r2
    str     r3, [r12, #S_COUNTS]
    and     r7, r4, #1
    str     r7, [r12, #S_ODD]
    mov     lr, #0
    str     lr, [r12, #S_CLAMPED]
    str     lr, [r12, #S_STRANGE]
    rsb     r8, r6, r9, lsr #2
    ldr     r10, [r9]
    ldr     r11, [r9, #256*4]
    add     r12, r9, r5, lsl #2
    sub     r11, r11, r10
    movs    sp, r4, lsr #1
    beq     last
pair:
    ldr     r6, [r0], #4
    ldr     r7, [r0], #4
    KEY     r6, r4
    KEY     r7, r5
    CHECK   r6, r4, beyond_first
first_checked:
    CHECK   r7, r5, beyond_second
second_checked:
    mov     r2, r9
    mov     r3, r9
    HALVE   128
    HALVE   64
    HALVE   32
    HALVE   16
    HALVE   8
    HALVE   4
    HALVE   2
    HALVE   1
    STEP_STORE r2, r6, r4
    STEP_STORE r3, r7, r5
    subs    sp, sp, #1
    bne     pair
last:
    mov     r3, #STATE_BASE
    ldr     r4, [r3, #S_ODD]
    cmp     r4, #0
    beq     done
    ldr     r6, [r0]
    KEY     r6, r4
    CHECK   r6, r4, beyond_last
last_checked:
    mov     r2, r9
    HALVE_ONE 128
    HALVE_ONE 64
    HALVE_ONE 32
    HALVE_ONE 16
    HALVE_ONE 8
    HALVE_ONE 4
    HALVE_ONE 2
    HALVE_ONE 1
    STEP_STORE r2, r6, r4
done:
    mov     r3, #STATE_BASE
    ldr     r0, [r3, #S_COUNTS]
    ldr     r1, [r3, #S_CLAMPED]
    ldr     r2, [r3, #S_STRANGE]
    str     lr, [r0, #4]
    str     r1, [r0]
    str     r2, [r0, #8]
    ldr     sp, [r3, #S_SP]
    pop     {r4-r11, pc}

beyond_first:
    BEYOND  r6, r4, r5, first_checked
beyond_second:
    BEYOND  r7, r4, r5, second_checked
beyond_last:
    BEYOND  r6, r4, r5, last_checked
