/* Plain C: saturating difference of int8 arrays, clamped elements counted. */
#include "abi.h"

void eltwise_sub_s8_ref(const struct eltwise_counted *args)
{
    const int8_t *restrict a = args->a, *restrict b = args->b;
    int8_t *restrict y = args->y;
    const uint32_t count = 8 * args->pairs, scalar = args->step == 0;
    uint32_t saturated = 0;
    for (uint32_t i = 0; i < count; i++) {
        int32_t x = a[i] - b[scalar ? 0 : i];
        if (x > INT8_MAX) {
            x = INT8_MAX;
            saturated++;
        } else if (x < INT8_MIN) {
            x = INT8_MIN;
            saturated++;
        }
        y[i] = (int8_t)x;
    }
    *args->saturated = saturated;
}
