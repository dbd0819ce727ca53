/* Maximum of 2x2 windows, stride 2, of bytes below 128, NHWC: 23 cycles for a word of four channels.
 * Layout, registers and loop: maxpool_2x2s2.inc; the maximum of four bytes: maxpool.inc.
 */
#include "maxpool_2x2s2.inc"

MAXPOOL_2X2S2 maxpool_u7_2x2s2, U7, 92
