/* Plain C: mean of every channel over all pixels, rounded half to even by a multiplication. */
#include "abi.h"
#include "clamped.h"

static inline uint8_t divided(uint32_t sum, const uint32_t *divisor, uint32_t odd)
{
    const uint64_t product = (uint64_t)sum * divisor[0] + (divisor[1] | (uint64_t)divisor[2] << 32);
    int32_t q = (int32_t)(product >> 32);
    if ((uint32_t)product < divisor[3])
        q &= ~1;
    q -= (int32_t)odd;
    CLAMPED_NOW[0] += q < 0 || q > 255;
    return (uint8_t)((q < 0 ? 0 : q > 255 ? 255 : q));
}

void global_avgpool_u8_ref(const struct global_avgpool *args)
{
    const uint32_t channels = 4 * args->words;
    uint8_t *restrict y = (uint8_t *)args->y;
    for (uint32_t c = 0; c < channels; c++) {
        const uint8_t *restrict x = (const uint8_t *)args->x + c;
        uint32_t sum = 0;
        for (uint32_t pixel = 0; pixel < args->pixels; pixel++, x += channels)
            sum += (uint32_t)(*x);
        y[c] = divided(sum, args->divisor, args->odd);
    }
}
