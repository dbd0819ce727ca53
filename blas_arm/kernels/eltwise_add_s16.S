/* Saturating sum of int16 arrays, clamped elements counted: 13 cycles a word.
 * Method and registers: eltwise_counted_16.inc.
 */
#include "eltwise_counted_16.inc"

.macro TAKE
    PAIR
    COUNTED_16 adds, r7, r8
    COUNTED_16 adds, r9, r10
.endm

    ELTWISE eltwise_add_s16, 26*4, BEGIN_16, TAKE, END_16
