/* Maximum of 3x3 windows, stride 2, of signed bytes, NHWC: 61 cycles for a word of four channels.
 * Layout, registers and loop: maxpool_3x3s2.inc; the maximum of four bytes: maxpool.inc.
 */
#include "maxpool_3x3s2.inc"

MAXPOOL_3X3S2 maxpool_s8_3x3s2, S8, 244
