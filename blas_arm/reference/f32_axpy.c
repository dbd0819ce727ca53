/* Plain C: y = alpha x + y in float32, product and sum rounded. */
#include "f32_ref.h"

void f32_axpy_ref(const struct f32_axpy *args)
{
    const uint32_t *restrict x = args->x;
    uint32_t *restrict y = args->y;
    const uint32_t count = args->count, alpha = args->alpha;
    for (uint32_t i = 0; i < count; i++)
        y[i] = f32_add(f32_mul(alpha, x[i]), y[i]);
}
