/* Plain C: the same sums and rounding as the hand-written kernel, element by element. */
#include "abi.h"
#include "clamped.h"

void residual_add_u8_x16_ref(const struct residual_add *args)
{
    const uint8_t *restrict a = args->a;
    const uint8_t *restrict b = args->b;
    uint8_t *restrict y = args->y;
    const int32_t ma = args->ma >> 9, mb = args->mb >> 9, odd = (int32_t)args->odd;
    const uint32_t k = (uint32_t)args->k, n = args->n;
    const int32_t range = (int32_t)args->range, low = args->low;
    uint32_t clamped = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t t = k + (uint32_t)(a[i] * ma) + (uint32_t)(b[i] * mb);
        int32_t q = (int32_t)t >> 20;
        if (t << 12 == 0)
            q &= ~1;
        q -= odd;
        clamped += (q > range && args->counts & COUNT_ABOVE) || (q < 0 && args->counts & COUNT_BELOW);
        q = q < 0 ? 0 : q > range ? range : q;
        y[i] = (uint8_t)(q + low);
    }
    CLAMPED_NOW[1] += clamped;
}
