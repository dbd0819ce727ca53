/* a == b of float32 arrays, to bytes: see f32_compare.inc. */
#define NAME f32_equal
#define EQUAL 1
#define OTHER 0
#include "f32_compare.inc"
