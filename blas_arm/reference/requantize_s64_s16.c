/* Plain C: see requantize_s64_ref.h. */
#define KERNEL requantize_s64_s16_ref
#define TYPE int16_t
#include "requantize_s64_ref.h"
