/* Plain C: A = (alpha x) y^T + A in float32, each operation rounded. */
#include "f32_ref.h"

void f32_ger_ref(const struct f32_ger *args)
{
    const uint32_t *restrict x = args->x, *restrict y = args->y;
    uint32_t *restrict a = args->a;
    const uint32_t columns = args->columns;
    for (uint32_t i = 0; i < args->rows; i++, a += columns) {
        const uint32_t factor = f32_mul(args->alpha, x[i]);
        for (uint32_t j = 0; j < columns; j++)
            a[j] = f32_add(f32_mul(factor, y[j]), a[j]);
    }
}
