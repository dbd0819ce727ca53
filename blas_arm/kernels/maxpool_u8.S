/* Maximum of any windows of unsigned bytes, NHWC: 10 cycles for a word of four channels of one window pixel.
 * Layout, registers and loop: maxpool_any.inc; the maximum of four bytes: maxpool.inc.
 */
#include "maxpool_any.inc"

MAXPOOL_ANY maxpool_u8, U8, 36
