/* float32 to int8: see f32_to_narrow.inc. */
#define NAME f32_to_s8
#define STORE strb
#define BYTES 1
#define SHIFT 24
#include "f32_to_narrow.inc"
