/* Plain C: see depthwise_3x3_wide_ref.h. */
#define KERNEL depthwise_3x3_s16_u8_s2_wide_ref
#define STRIDE 2
#include "depthwise_3x3_wide_ref.h"
