/* a < b of float32 arrays, to bytes: see f32_compare.inc. */
#define NAME f32_less
#define STRICT 1
#define BIGGER r8
#define SMALLER r7
#define ORDER CHAIN gt, gt, le
#include "f32_compare.inc"
