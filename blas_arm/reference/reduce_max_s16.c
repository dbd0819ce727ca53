/* Plain C: row maxima of int16. */
#include "abi.h"

void reduce_max_s16_ref(const struct reduce *args)
{
    const uint32_t columns = 2 * args->words;
    const int16_t *restrict x = args->x;
    int16_t *restrict y = args->y;
    for (uint32_t i = 0; i < args->rows; i++, x += columns) {
        int32_t best = x[0];
        for (uint32_t j = 0; j < columns; j++)
            best = x[j] > best ? x[j] : best;
        y[i] = (int16_t)best;
    }
}
