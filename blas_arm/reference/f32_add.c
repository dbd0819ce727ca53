/* Plain C: sum of float32 arrays. */
#include "f32_ref.h"

void f32_add_ref(const struct f32_binary *args)
{
    const uint32_t *restrict a = args->a, *restrict b = args->b;
    uint32_t *restrict y = args->y;
    const uint32_t count = args->count, scalar = args->step == 0;
    for (uint32_t i = 0; i < count; i++)
        y[i] = f32_add(a[i], b[scalar ? 0 : i]);
}
