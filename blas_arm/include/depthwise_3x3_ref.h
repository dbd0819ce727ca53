/* Plain C: nine products for each output, then the requantisation, channel by channel; KERNEL is its name, STRIDE its stride. */
#include "abi.h"

void KERNEL(const struct depthwise_3x3 *args)
{
    for (uint32_t c = 0; c < args->channels; c++) {
        const int16_t *w = (const int16_t *)(args->w + 7 * c); /* nine weights, then the multiplier */
        const int32_t bias = args->w[7 * c + 5], rounding = args->w[7 * c + 6];
        for (uint32_t i = 0; i < args->out_h; i++) {
            const int16_t *restrict x0 =
                args->x + (c * args->x_plane + i * STRIDE * args->x_pitch) / sizeof(int16_t);
            const int16_t *restrict x1 = x0 + args->x_pitch / sizeof(int16_t);
            const int16_t *restrict x2 = x1 + args->x_pitch / sizeof(int16_t);
            uint8_t *restrict y = args->y + c * args->y_plane + i * args->y_pitch;
            for (uint32_t j = 0; j < args->out_w; j++) {
                int32_t sum = bias + x0[0] * w[0] + x0[1] * w[1] + x0[2] * w[2];
                sum += x1[0] * w[3] + x1[1] * w[4] + x1[2] * w[5];
                sum += x2[0] * w[6] + x2[1] * w[7] + x2[2] * w[8];
                const int32_t q = (int32_t)((int64_t)sum * w[9] >> 16) + rounding;
                y[j] = q < 0 ? 0 : q >> 8 > 255 ? 255 : q >> 8;
                x0 += STRIDE;
                x1 += STRIDE;
                x2 += STRIDE;
            }
        }
    }
}
