/* Plain C: the largest magnitude of each row of int64. */
#include "abi.h"

void reduce_top_s64_ref(const struct reduce_top *args)
{
    const int64_t *c = args->c;
    for (uint32_t i = 0; i < args->rows; i++) {
        uint64_t top = args->accumulate ? args->y[i] : 0;
        for (uint32_t j = 0; j < args->columns; j++, c++) {
            const uint64_t size = *c < 0 ? -(uint64_t)*c : (uint64_t)*c;
            if (size > top)
                top = size;
        }
        args->y[i] = top;
    }
}
