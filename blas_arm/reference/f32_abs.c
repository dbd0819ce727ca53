/* Plain C: |x| of a float32 array; NaN becomes the one NaN. */
#include "f32_ref.h"

void f32_abs_ref(const struct f32_map *args)
{
    const uint32_t *restrict x = args->x;
    uint32_t *restrict y = args->y;
    const uint32_t count = args->count;
    for (uint32_t i = 0; i < count; i++)
        y[i] = (x[i] & ~F32_SIGN) > F32_INF ? F32_NAN : x[i] & ~F32_SIGN;
}
