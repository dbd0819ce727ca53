/* Minimum of int16 arrays: 10 cycles a word. The upper halves compare as whole words: what is below only
 * chooses among equal ones. r5 0x0000ffff   r11 the lower halves' result; the other registers: eltwise.inc.
 */
#include "eltwise.inc"

.macro BEGIN
    mvn     r5, #0
    mov     r5, r5, lsr #16
.endm

.macro HALVES a, b
    mov     r11, \a, lsl #16
    cmp     r11, \b, lsl #16
    movgt   r11, \b, lsl #16
    cmp     \a, \b
    movgt   \a, \b
    bic     \a, \a, r5
    orr     \a, \a, r11, lsr #16
    str     \a, [r2], #4
.endm

.macro TAKE
    PAIR
    HALVES  r7, r8
    HALVES  r9, r10
.endm

    ELTWISE eltwise_min_s16, 20*4, BEGIN, TAKE, NOTHING
