/* Plain C: max(x, +0) of a float32 array; NaN stays NaN. */
#include "f32_ref.h"

void f32_relu_ref(const struct f32_map *args)
{
    const uint32_t *restrict x = args->x;
    uint32_t *restrict y = args->y;
    const uint32_t count = args->count;
    for (uint32_t i = 0; i < count; i++)
        y[i] = f32_max(x[i], 0);
}
