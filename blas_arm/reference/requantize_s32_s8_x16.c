/* Plain C: see requantize_s32_ref.h. */
#define KERNEL requantize_s32_s8_x16_ref
#define TYPE int8_t
#include "requantize_s32_ref.h"
