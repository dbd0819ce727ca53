/* Plain C: row sums of int32. */
#include "abi.h"

void reduce_sum_s32_ref(const struct reduce *args)
{
    const uint32_t columns = args->words;
    const int32_t *restrict x = args->x;
    int32_t *restrict y = args->y;
    for (uint32_t i = 0; i < args->rows; i++, x += columns) {
        int32_t sum = 0;
        for (uint32_t j = 0; j < columns; j++)
            sum += x[j];
        y[i] = sum;
    }
}
