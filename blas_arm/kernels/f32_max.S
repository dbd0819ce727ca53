/* Maximum of float32 arrays: see f32_extreme.inc. */
#define NAME f32_max
#define FIRST movgt
#define SECOND movle
#include "f32_extreme.inc"
