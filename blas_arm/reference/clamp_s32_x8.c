/* Plain C: cuts int32 values off at both ends, in place. */
#include "abi.h"

void clamp_s32_x8_ref(const struct clamp *args)
{
    int32_t *restrict x = args->x;
    const int32_t low = args->low, high = args->high;
    const uint32_t n = args->n;
    for (uint32_t i = 0; i < n; i++)
        x[i] = x[i] < low ? low : x[i] > high ? high : x[i];
}
