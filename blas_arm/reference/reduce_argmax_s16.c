/* Plain C: first position of every row's maximum of int16. */
#include "abi.h"

void reduce_argmax_s16_ref(const struct reduce *args)
{
    const uint32_t columns = 2 * args->words;
    const int16_t *restrict x = args->x;
    int32_t *restrict y = args->y;
    for (uint32_t i = 0; i < args->rows; i++, x += columns) {
        uint32_t first = 0;
        int32_t best = x[0];
        for (uint32_t j = 1; j < columns; j++)
            if (x[j] > best) {
                best = x[j];
                first = j;
            }
        y[i] = (int32_t)first;
    }
}
