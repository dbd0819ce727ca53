/* Plain C: log of every element, float32 in integer arithmetic. */
#include "abi.h"
#include "f32_counted.h"
#include "f32_math.h"

void f32_log_ref(const struct f32_unary *args)
{
    const uint32_t *restrict x = args->x, *restrict table = args->table;
    uint32_t *restrict y = args->y;
    for (uint32_t i = 0; i < args->count; i++)
        y[i] = f32_counted(f32_log_of(x[i], table), x[i], x[i]);
}
