/* Plain C: the same rounding from the same row constants as the hand-written kernel, 96-bit products; KERNEL is its name, TYPE its type. */
#include "abi.h"
#include "clamped.h"

void KERNEL(const struct requantize *args)
{
    const int32_t range = (int32_t)args->range, low = args->low, odd = (int32_t)args->odd;
    const uint32_t n = args->n;
    const int32_t step = args->y_step;
    uint32_t clamped = 0;
    for (uint32_t i = 0; i < args->m; i++) {
        const uint32_t *row = args->rows + 6 * i;
        const int64_t k = (int64_t)((uint64_t)row[2] << 32 | row[1]);
        const uint32_t k0 = row[0], m = row[3], s = row[4];
        const uint32_t rest = (1u << s) - 1;
        const int64_t *restrict c = (const int64_t *)args->c + i * args->ldc;
        uint8_t *restrict y = (uint8_t *)args->y + (int32_t)i * args->y_row;
        for (uint32_t j = 0; j < n; j++) {
            uint64_t t0 = (uint64_t)(uint32_t)c[j] * m + k0;
            int64_t t = (int64_t)(int32_t)(c[j] >> 32) * (int32_t)m + (int64_t)(t0 >> 32) + k;
            int32_t q = (int32_t)(t >> s);
            if (((uint32_t)t0 | ((uint32_t)t & rest)) == 0)
                q &= ~1;
            q -= odd;
            clamped += (q > range && args->counts & COUNT_ABOVE) || (q < 0 && args->counts & COUNT_BELOW);
            q = q < 0 ? 0 : q > range ? range : q;
            *(TYPE *)y = (TYPE)(q + low);
            y += step;
        }
    }
    CLAMPED_NOW[0] += clamped;
}
