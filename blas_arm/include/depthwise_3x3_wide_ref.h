/* Plain C: nine products for each output, then the requantisation by the channel's route; KERNEL is its name, STRIDE its stride. */
#include "abi.h"

enum { WORDS = 8, SIGNED = 24, SHIFT = 42 };

static inline int32_t clamped(int32_t q, int32_t range)
{
    return q < 0 ? 0 : q > range ? range : q;
}

void KERNEL(const struct depthwise_3x3 *args)
{
    for (uint32_t c = 0; c < args->channels; c++) {
        const uint32_t *constants = args->w + WORDS * c;
        const int16_t *w = (const int16_t *)(constants + 1);
        const uint32_t route = constants[0]; /* an entry of the hand-written kernel, or an exact format */
        const int exact = route >> 31;
        const int32_t bias = constants[6], m = constants[7], base = (int32_t)(route << 6) >> 22;
        const int32_t odd = route >> 26 & 1;
        const int32_t range = exact ? route >> 8 & 0xff : 255;
        const uint8_t low = exact ? route : route == SIGNED ? 0x80 : 0;
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
                const int64_t product = (int64_t)sum * m;
                if (exact) {
                    const uint64_t t = product + ((int64_t)base << 32) + 0x80000000;
                    int32_t q = t >> 32;
                    q &= (uint32_t)t == 0 ? ~1 : ~0;
                    y[j] = clamped(q - odd, range) + low;
                } else {
                    y[j] = clamped((int32_t)(product >> SHIFT), range) + low;
                }
                x0 += STRIDE;
                x1 += STRIDE;
                x2 += STRIDE;
            }
        }
    }
}
