/* Plain C: maximum of 3x3 windows, stride 2, NHWC; KERNEL is its name, TYPE its type. */
#include "abi.h"

void KERNEL(const struct pool_block *args)
{
    const uint32_t channels = 4 * args->words;
    TYPE *restrict y = (TYPE *)args->y;
    for (uint32_t i = 0; i < args->rows; i++) {
        const TYPE *x0 = (const TYPE *)args->x + 2 * i * args->pitch, *x1 = x0 + args->pitch, *x2 = x1 + args->pitch;
        for (uint32_t j = 0; j < args->columns; j++, y += channels) {
            for (uint32_t c = 0; c < channels; c++) {
                int32_t best = x0[c];
                for (uint32_t q = c; q < c + 3 * channels; q += channels) {
                    best = x0[q] > best ? x0[q] : best;
                    best = x1[q] > best ? x1[q] : best;
                    best = x2[q] > best ? x2[q] : best;
                }
                y[c] = (TYPE)best;
            }
            x0 += 2 * channels;
            x1 += 2 * channels;
            x2 += 2 * channels;
        }
    }
}
