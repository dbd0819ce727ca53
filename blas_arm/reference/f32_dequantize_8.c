/* Plain C: every byte's result out of the table. */
#include "abi.h"

void f32_dequantize_8_ref(const struct f32_table *args)
{
    const uint8_t *restrict x = args->x;
    const uint32_t *restrict table = args->table;
    uint32_t *restrict y = args->y;
    const uint32_t count = args->count;
    for (uint32_t i = 0; i < count; i++)
        y[i] = table[x[i]];
}
