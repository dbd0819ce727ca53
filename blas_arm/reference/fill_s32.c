/* Plain C: runs of one word. */
#include "abi.h"

void fill_s32_ref(const struct fill *args)
{
    for (uint32_t i = 0; i < args->rows; i++) {
        volatile uint32_t *y = args->y + (int32_t)i * (args->y_row / 4); /* a loop, not a call of memset */
        for (uint32_t j = 0; j < args->words; j++)
            y[j] = args->value;
    }
}
