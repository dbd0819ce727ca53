/* Plain C: minimum of int32 arrays. */
#include "abi.h"

void eltwise_min_s32_ref(const struct eltwise *args)
{
    const int32_t *restrict a = args->a, *restrict b = args->b;
    int32_t *restrict y = args->y;
    const uint32_t count = 2 * args->pairs, scalar = args->step == 0;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t other = b[scalar ? 0 : i];
        y[i] = a[i] < other ? a[i] : other;
    }
}
