/* Plain C: maximum of every row of float32; NaN where there is one. */
#include "f32_ref.h"

void f32_reduce_max_ref(const struct f32_reduce *args)
{
    const uint32_t *restrict x = args->x;
    uint32_t *restrict y = args->y;
    const uint32_t columns = args->columns;
    for (uint32_t i = 0; i < args->rows; i++, x += columns) {
        uint32_t best = f32_canonical(x[0]);
        for (uint32_t j = 1; j < columns; j++)
            best = f32_max(best, x[j]);
        y[i] = best;
    }
}
