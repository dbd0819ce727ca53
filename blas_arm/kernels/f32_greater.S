/* a > b of float32 arrays, to bytes: see f32_compare.inc. */
#define NAME f32_greater
#define STRICT 1
#define BIGGER r7
#define SMALLER r8
#define ORDER CHAIN gt, gt, le
#include "f32_compare.inc"
