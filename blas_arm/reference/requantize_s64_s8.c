/* Plain C: see requantize_s64_ref.h. */
#define KERNEL requantize_s64_s8_ref
#define TYPE int8_t
#include "requantize_s64_ref.h"
