/* Plain C: int32 to float32. */
#include "f32_ref.h"

void f32_from_s32_ref(const struct f32_map *args)
{
    const int32_t *restrict x = args->x;
    uint32_t *restrict y = args->y;
    const uint32_t count = args->count;
    for (uint32_t i = 0; i < count; i++)
        y[i] = f32_from_int(x[i]);
}
