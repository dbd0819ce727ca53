/* Plain C: a <= b of float32 arrays, to bytes; NaN is unlike everything, zeros are equal. */
#include "f32_ref.h"

static inline int32_t key(uint32_t x)
{
    return x & F32_SIGN ? -(int32_t)(x & ~F32_SIGN) : (int32_t)x;
}

void f32_less_equal_ref(const struct f32_compare *args)
{
    const uint32_t *restrict a = args->a, *restrict b = args->b;
    uint8_t *restrict y = args->y;
    const uint32_t count = args->count, scalar = args->step == 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t p = a[i], q = b[scalar ? 0 : i];
        const int unordered = (p & ~F32_SIGN) > F32_INF || (q & ~F32_SIGN) > F32_INF;
        y[i] = unordered ? 0 : key(p) <= key(q);
    }
}
