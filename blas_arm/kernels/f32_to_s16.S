/* float32 to int16: see f32_to_narrow.inc. */
#define NAME f32_to_s16
#define STORE strh
#define BYTES 2
#define SHIFT 16
#include "f32_to_narrow.inc"
