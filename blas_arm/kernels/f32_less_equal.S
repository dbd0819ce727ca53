/* a <= b of float32 arrays, to bytes: see f32_compare.inc. */
#define NAME f32_less_equal
#define STRICT 0
#define BIGGER r8
#define SMALLER r7
#define ORDER CHAIN ge, ge, lt
#include "f32_compare.inc"
