/* Plain C: maximum over windows of any size and stride, NHWC. */
#include "abi.h"

void maxpool_s8_ref(const struct maxpool *args)
{
    const uint32_t channels = 4 * args->words;
    int8_t *restrict y = (int8_t *)args->y;
    for (uint32_t i = 0; i < args->rows; i++)
        for (uint32_t j = 0; j < args->columns; j++, y += channels) {
            const int8_t *window = (const int8_t *)args->x + i * args->step_row + j * args->step_column;
            for (uint32_t c = 0; c < channels; c++) {
                int32_t best = -128;
                for (uint32_t p = 0; p < args->window_rows; p++) {
                    const int8_t *restrict x = window + p * args->pitch + c;
                    for (uint32_t q = 0; q < args->window_columns; q++, x += channels)
                        best = *x > best ? *x : best;
                }
                y[c] = (int8_t)best;
            }
        }
}
