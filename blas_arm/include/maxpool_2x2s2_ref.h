/* Plain C: maximum of 2x2 windows, stride 2, NHWC; KERNEL is its name, TYPE its type. */
#include "abi.h"

void KERNEL(const struct pool_block *args)
{
    const uint32_t channels = 4 * args->words;
    TYPE *restrict y = (TYPE *)args->y;
    for (uint32_t i = 0; i < args->rows; i++) {
        const TYPE *x0 = (const TYPE *)args->x + 2 * i * args->pitch, *x1 = x0 + args->pitch;
        for (uint32_t j = 0; j < args->columns; j++, y += channels) {
            for (uint32_t c = 0; c < channels; c++) {
                const int32_t a = x0[c] > x0[c + channels] ? x0[c] : x0[c + channels];
                const int32_t b = x1[c] > x1[c + channels] ? x1[c] : x1[c + channels];
                y[c] = (TYPE)(a > b ? a : b);
            }
            x0 += 2 * channels;
            x1 += 2 * channels;
        }
    }
}
