/* Mean over any windows of unsigned bytes, NHWC: 4 cycles for a word of four channels of one window pixel.
 * Layout, registers and loop: avgpool_any.inc; sums and division: avgpool.inc.
 */
#include "avgpool_any.inc"

AVGPOOL_ANY avgpool_u8, U8, 16
