/* Plain C: see requantize_s32_ref.h. */
#define KERNEL requantize_s32_u8_x16_ref
#define TYPE uint8_t
#include "requantize_s32_ref.h"
