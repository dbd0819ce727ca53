/* Plain C: see requantize_s32_ref.h. */
#define KERNEL requantize_s32_s16_x16_ref
#define TYPE int16_t
#include "requantize_s32_ref.h"
