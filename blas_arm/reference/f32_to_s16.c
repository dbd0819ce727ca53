/* Plain C: float32 to int16, rounded half to even; clamped elements are counted. */
#include "f32_ref.h"

void f32_to_s16_ref(const struct f32_convert *args)
{
    const uint32_t *restrict x = args->x;
    int16_t *restrict y = args->y;
    const uint32_t count = args->count;
    uint32_t saturated = 0;
    for (uint32_t i = 0; i < count; i++)
        y[i] = (int16_t)f32_to_int(x[i], -32768, 32767, &saturated);
    *args->saturated = saturated;
}
