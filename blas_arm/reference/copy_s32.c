/* Plain C: runs of words from place to place. */
#include "abi.h"

void copy_s32_ref(const struct copy *args)
{
    for (uint32_t p = 0; p < args->planes; p++) {
        for (uint32_t i = 0; i < args->rows; i++) {
            const uint32_t *x = args->x + (int32_t)p * (args->x_plane / 4) + (int32_t)i * (args->x_row / 4);
            uint32_t *y = args->y + (int32_t)p * (args->y_plane / 4) + (int32_t)i * (args->y_row / 4);
            for (uint32_t j = 0; j < args->words; j++)
                ((volatile uint32_t *)y)[j] = x[j]; /* a loop, not a call of memcpy */
        }
    }
}
