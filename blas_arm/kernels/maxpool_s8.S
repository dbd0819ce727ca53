/* Maximum of any windows of signed bytes, NHWC: 11 cycles for a word of four channels of one window pixel.
 * Layout, registers and loop: maxpool_any.inc; the maximum of four bytes: maxpool.inc.
 */
#include "maxpool_any.inc"

MAXPOOL_ANY maxpool_s8, S8, 40
