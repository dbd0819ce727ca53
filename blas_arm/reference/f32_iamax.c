/* Plain C: first position of every row's largest magnitude of float32; a NaN is the largest. */
#include "f32_ref.h"

/* Order of magnitudes as order of integers, NaN above all. */
static inline int32_t size_of(uint32_t x)
{
    x &= ~F32_SIGN;
    return x > F32_INF ? INT32_MAX : (int32_t)x;
}

void f32_iamax_ref(const struct f32_reduce *args)
{
    const uint32_t *restrict x = args->x;
    uint32_t *restrict y = args->y;
    const uint32_t columns = args->columns;
    for (uint32_t i = 0; i < args->rows; i++, x += columns) {
        uint32_t first = 0;
        int32_t best = size_of(x[0]);
        for (uint32_t j = 1; j < columns; j++)
            if (size_of(x[j]) > best) {
                best = size_of(x[j]);
                first = j;
            }
        y[i] = first;
    }
}
