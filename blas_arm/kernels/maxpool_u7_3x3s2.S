/* Maximum of 3x3 windows, stride 2, of bytes below 128, NHWC: 43 cycles for a word of four channels.
 * Layout, registers and loop: maxpool_3x3s2.inc; the maximum of four bytes: maxpool.inc.
 */
#include "maxpool_3x3s2.inc"

MAXPOOL_3X3S2 maxpool_u7_3x3s2, U7, 172
