/* a >= b of float32 arrays, to bytes: see f32_compare.inc. */
#define NAME f32_greater_equal
#define STRICT 0
#define BIGGER r7
#define SMALLER r8
#define ORDER CHAIN ge, ge, lt
#include "f32_compare.inc"
