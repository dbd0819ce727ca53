/* Plain C: square root of a float32 array. */
#include "f32_ref.h"

void f32_sqrt_ref(const struct f32_map *args)
{
    const uint32_t *restrict x = args->x;
    uint32_t *restrict y = args->y;
    const uint32_t count = args->count;
    for (uint32_t i = 0; i < count; i++)
        y[i] = f32_sqrt(x[i]);
}
