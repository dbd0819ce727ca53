/* Plain C: maximum over windows of any size and stride, NHWC. */
#include "abi.h"

void maxpool_u8_ref(const struct maxpool *args)
{
    const uint32_t channels = 4 * args->words;
    uint8_t *restrict y = (uint8_t *)args->y;
    for (uint32_t i = 0; i < args->rows; i++)
        for (uint32_t j = 0; j < args->columns; j++, y += channels) {
            const uint8_t *window = (const uint8_t *)args->x + i * args->step_row + j * args->step_column;
            for (uint32_t c = 0; c < channels; c++) {
                int32_t best = 0;
                for (uint32_t p = 0; p < args->window_rows; p++) {
                    const uint8_t *restrict x = window + p * args->pitch + c;
                    for (uint32_t q = 0; q < args->window_columns; q++, x += channels)
                        best = *x > best ? *x : best;
                }
                y[c] = (uint8_t)best;
            }
        }
}
