/* int16 to float32: see f32_from_narrow.inc. */
#define NAME f32_from_s16
#define LOAD ldrsh
#define BYTES 2
#include "f32_from_narrow.inc"
