/* Plain C: see requantize_s64_ref.h. */
#define KERNEL requantize_s64_u8_ref
#define TYPE uint8_t
#include "requantize_s64_ref.h"
