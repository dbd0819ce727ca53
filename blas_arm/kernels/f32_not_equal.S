/* a != b of float32 arrays, to bytes: see f32_compare.inc. */
#define NAME f32_not_equal
#define EQUAL 0
#define OTHER 1
#include "f32_compare.inc"
