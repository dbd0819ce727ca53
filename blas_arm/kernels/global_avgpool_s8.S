/* Mean over all pixels of signed bytes, NHWC: 5 cycles for a word of four channels of one pixel.
 * Layout, registers and loop: global_avgpool.inc; sums and division: avgpool.inc.
 */
#include "global_avgpool.inc"

GLOBAL_AVGPOOL global_avgpool_s8, S8, 20
