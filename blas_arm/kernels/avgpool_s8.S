/* Mean over any windows of signed bytes, NHWC: 5 cycles for a word of four channels of one window pixel.
 * Layout, registers and loop: avgpool_any.inc; sums and division: avgpool.inc.
 */
#include "avgpool_any.inc"

AVGPOOL_ANY avgpool_s8, S8, 20
