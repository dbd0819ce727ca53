/* Plain C: product of int8 arrays to int16. */
#include "abi.h"

void eltwise_mul_s8_ref(const struct eltwise *args)
{
    const int8_t *restrict a = args->a, *restrict b = args->b;
    int16_t *restrict y = args->y;
    const uint32_t count = 8 * args->pairs, scalar = args->step == 0;
    for (uint32_t i = 0; i < count; i++) {
        const int8_t other = b[scalar ? 0 : i];
        y[i] = (int16_t)(a[i] * other);
    }
}
