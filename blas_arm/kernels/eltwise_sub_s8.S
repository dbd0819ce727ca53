/* Saturating difference of int8 arrays, clamped elements counted: 18 cycles a word.
 * Method and registers: eltwise_counted_8.inc.
 */
#include "eltwise_counted_8.inc"

    ELTWISE_COUNTED_8 eltwise_sub_s8, sub
