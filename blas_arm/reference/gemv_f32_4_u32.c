/* Plain C: the same product on the same panels as the hand-written kernel, a panel of two rows at a time. */
#include "abi.h"

void gemv_f32_4_u32_ref(const struct f32_gemv *args)
{
    const uint32_t m = args->m, k = args->k;
    int64_t *restrict y = args->y;
    for (uint32_t i = 0; i < m; i += 2) {
        const int32_t *restrict a = args->a + i * k, *restrict x = args->x;
        int64_t s0 = 0, s1 = 0;
        for (const int32_t *end = a + 2 * k; a != end; a += 2, x += 2) {
            s0 += (int64_t)a[0] * x[0];
            s1 += (int64_t)a[1] * x[0];
        }
        y[i] = args->accumulate ? y[i] + s0 : s0;
        if (i + 1 < m)
            y[i + 1] = args->accumulate ? y[i + 1] + s1 : s1;
    }
}
