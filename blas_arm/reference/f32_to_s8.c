/* Plain C: float32 to int8, rounded half to even; clamped elements are counted. */
#include "f32_ref.h"

void f32_to_s8_ref(const struct f32_convert *args)
{
    const uint32_t *restrict x = args->x;
    int8_t *restrict y = args->y;
    const uint32_t count = args->count;
    uint32_t saturated = 0;
    for (uint32_t i = 0; i < count; i++)
        y[i] = (int8_t)f32_to_int(x[i], -128, 127, &saturated);
    *args->saturated = saturated;
}
