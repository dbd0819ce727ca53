/* Minimum of float32 arrays: see f32_extreme.inc. */
#define NAME f32_min
#define FIRST movlt
#define SECOND movge
#include "f32_extreme.inc"
