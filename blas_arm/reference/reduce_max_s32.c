/* Plain C: row maxima of int32. */
#include "abi.h"

void reduce_max_s32_ref(const struct reduce *args)
{
    const uint32_t columns = args->words;
    const int32_t *restrict x = args->x;
    int32_t *restrict y = args->y;
    for (uint32_t i = 0; i < args->rows; i++, x += columns) {
        int32_t best = x[0];
        for (uint32_t j = 0; j < columns; j++)
            best = x[j] > best ? x[j] : best;
        y[i] = best;
    }
}
