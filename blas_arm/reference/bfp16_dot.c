/* Plain C: dot product of int16 mantissas in 64 bits. */
#include "abi.h"

void bfp16_dot_ref(const struct bfp_dot *args)
{
    const int16_t *restrict x = args->x, *restrict y = args->y;
    const uint32_t count = 2 * args->pairs;
    int64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += x[i] * y[i];
    *args->z = sum;
}
