/* Plain C: a float32 array times a factor. */
#include "f32_ref.h"

void f32_scal_ref(const struct f32_scal *args)
{
    const uint32_t *restrict x = args->x;
    uint32_t *restrict y = args->y;
    const uint32_t count = args->count, alpha = args->alpha;
    for (uint32_t i = 0; i < count; i++)
        y[i] = f32_mul(alpha, x[i]);
}
