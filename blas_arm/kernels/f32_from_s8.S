/* int8 to float32: see f32_from_narrow.inc. */
#define NAME f32_from_s8
#define LOAD ldrsb
#define BYTES 1
#include "f32_from_narrow.inc"
