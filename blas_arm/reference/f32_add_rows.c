/* Plain C: sum of float32 rows. */
#include "f32_ref.h"

void f32_add_rows_ref(const struct f32_rows *args)
{
    for (uint32_t i = 0; i < args->rows; i++) {
        const uint32_t *a = args->a + (int32_t)i * (args->a_row / 4);
        const uint32_t *b = args->b + (int32_t)i * (args->b_row / 4);
        uint32_t *y = args->y + (int32_t)i * (args->y_row / 4);
        for (uint32_t j = 0; j < args->columns; j++)
            y[j] = f32_add(a[j], b[args->b_step == 0 ? 0 : j]);
    }
}
