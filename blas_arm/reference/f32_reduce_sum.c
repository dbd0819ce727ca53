/* Plain C: row sums of float32 by a pairwise tree, level by level. */
#include "f32_ref.h"

void f32_reduce_sum_ref(const struct f32_sum *args)
{
    const uint32_t *restrict x = args->x;
    uint32_t *restrict y = args->y, *t = args->scratch;
    const uint32_t columns = args->columns;
    for (uint32_t i = 0; i < args->rows; i++, x += columns) {
        const uint32_t *from = x;
        for (uint32_t left = columns; left > 1; left = (left + 1) / 2, from = t) {
            for (uint32_t j = 0; j < left / 2; j++)
                t[j] = f32_add(from[2 * j], from[2 * j + 1]);
            if (left % 2)
                t[left / 2] = from[left - 1];
        }
        y[i] = f32_canonical(*from);
    }
}
