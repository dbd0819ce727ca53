/* Saturating difference of int16 arrays, clamped elements counted: 13 cycles a word.
 * Method and registers: eltwise_counted_16.inc.
 */
#include "eltwise_counted_16.inc"

.macro TAKE
    PAIR
    COUNTED_16 subs, r7, r8
    COUNTED_16 subs, r9, r10
.endm

    ELTWISE eltwise_sub_s16, 26*4, BEGIN_16, TAKE, END_16
