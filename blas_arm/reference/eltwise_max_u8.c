/* Plain C: maximum of uint8 arrays. */
#include "abi.h"

void eltwise_max_u8_ref(const struct eltwise *args)
{
    const uint8_t *restrict a = args->a, *restrict b = args->b;
    uint8_t *restrict y = args->y;
    const uint32_t count = 8 * args->pairs, scalar = args->step == 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t other = b[scalar ? 0 : i];
        y[i] = a[i] > other ? a[i] : other;
    }
}
