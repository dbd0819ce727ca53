/* Plain C: b where a > 0 or a is NaN, else +0. */
#include "f32_ref.h"

void f32_relu_gradient_ref(const struct f32_binary *args)
{
    const uint32_t *restrict a = args->a, *restrict b = args->b;
    uint32_t *restrict y = args->y;
    const uint32_t count = args->count, scalar = args->step == 0;
    for (uint32_t i = 0; i < count; i++) {
        const int nan = (a[i] & ~F32_SIGN) > F32_INF;
        y[i] = nan || (int32_t)a[i] > 0 ? b[scalar ? 0 : i] : 0;
    }
}
