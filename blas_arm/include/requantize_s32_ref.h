/* Plain C: the same rounding from the same row constants as the hand-written kernel; KERNEL is its name, TYPE its type. */
#include "abi.h"
#include "clamped.h"

void KERNEL(const struct requantize *args)
{
    const int32_t range = (int32_t)args->range, low = args->low;
    const uint32_t n = args->n;
    const int32_t step = args->y_step;
    uint32_t clamped = 0;
    for (uint32_t i = 0; i < args->m; i++) {
        const uint32_t *row = args->rows + 4 * i;
        const int64_t k = (int64_t)((uint64_t)row[1] << 32 | row[0]);
        const int32_t m = (int32_t)row[2];
        const uint32_t p = row[3] >> 8;
        const int32_t odd = (row[3] & 0xff) >= 4 ? (int32_t)args->odd : 0;
        const int32_t *restrict c = (const int32_t *)args->c + i * args->ldc;
        uint8_t *restrict y = (uint8_t *)args->y + (int32_t)i * args->y_row;
        for (uint32_t j = 0; j < n; j++) {
            int64_t t = (int64_t)(int32_t)((uint32_t)c[j] << p) * m + k;
            int32_t q = (int32_t)(t >> 32);
            if ((uint32_t)t == 0)
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
