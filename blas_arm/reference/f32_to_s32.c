/* Plain C: float32 to int32, rounded half to even; clamped elements are counted. */
#include "f32_ref.h"

void f32_to_s32_ref(const struct f32_convert *args)
{
    const uint32_t *restrict x = args->x;
    int32_t *restrict y = args->y;
    const uint32_t count = args->count;
    uint32_t saturated = 0;
    for (uint32_t i = 0; i < count; i++)
        y[i] = (int32_t)f32_to_int(x[i], INT32_MIN, INT32_MAX, &saturated);
    *args->saturated = saturated;
}
