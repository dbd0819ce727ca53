/* Plain C: sum of int64 arrays, in the second one. */
#include "abi.h"

void add_s64_ref(const struct add_s64 *args)
{
    const int64_t *restrict x = args->x;
    int64_t *restrict y = args->y;
    for (uint32_t i = 0; i < args->count; i++)
        y[i] += x[i];
}
