/* Plain C: first position of every row's maximum of float32; a NaN is the largest. */
#include "f32_ref.h"

/* Order of numbers as order of integers, -0 equal to +0, NaN above all. */
static inline int32_t key_of(uint32_t x)
{
    if ((x & ~F32_SIGN) > F32_INF)
        return INT32_MAX;
    return (int32_t)(x & F32_SIGN ? F32_SIGN - x : x);
}

void f32_reduce_argmax_ref(const struct f32_reduce *args)
{
    const uint32_t *restrict x = args->x;
    uint32_t *restrict y = args->y;
    const uint32_t columns = args->columns;
    for (uint32_t i = 0; i < args->rows; i++, x += columns) {
        uint32_t first = 0;
        int32_t best = key_of(x[0]);
        for (uint32_t j = 1; j < columns; j++)
            if (key_of(x[j]) > best) {
                best = key_of(x[j]);
                first = j;
            }
        y[i] = first;
    }
}
