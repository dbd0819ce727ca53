/* Plain C: saturating sum of int16 arrays, clamped elements counted. */
#include "abi.h"

void eltwise_add_s16_ref(const struct eltwise_counted *args)
{
    const int16_t *restrict a = args->a, *restrict b = args->b;
    int16_t *restrict y = args->y;
    const uint32_t count = 4 * args->pairs, scalar = args->step == 0;
    uint32_t saturated = 0;
    for (uint32_t i = 0; i < count; i++) {
        int32_t x = a[i] + b[scalar ? 0 : i];
        if (x > INT16_MAX) {
            x = INT16_MAX;
            saturated++;
        } else if (x < INT16_MIN) {
            x = INT16_MIN;
            saturated++;
        }
        y[i] = (int16_t)x;
    }
    *args->saturated = saturated;
}
