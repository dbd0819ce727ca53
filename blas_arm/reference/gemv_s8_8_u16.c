/* Plain C: the same product on the same panels as the hand-written kernel, a panel of eight sums at a time. */
#include "abi.h"

enum { ROWS = 8, UNROLL = 16 };

void gemv_s8_8_u16_ref(const struct gemv_s8 *args)
{
    const uint32_t m = args->m, pairs = args->pairs;
    const uint8_t *restrict a = (const uint8_t *)args->a;
    for (uint32_t i = 0; i < m; i += ROWS) {
        const int16_t *restrict x = (const int16_t *)(args->x + 1);
        const int32_t start = (int32_t)args->x[0];
        int32_t sums[ROWS] = {0, start, 0, start, 0, start, 0, start};
        uint32_t left = (pairs - 1) % UNROLL + 1;
        for (uint32_t done = 0; done < pairs; done += left, left = UNROLL) {
            for (const int16_t *end = x + 2 * left; x != end; x += 2, a += 2 * ROWS) {
                const int32_t x0 = x[0], x1 = x[1];
                for (uint32_t r = 0; r < ROWS; r += 2) {
                    sums[r] += (int8_t)a[2 * r + 1] * x0 + (int8_t)a[2 * r + 3] * x1;
                    sums[r + 1] += a[2 * r] * x0 + a[2 * r + 2] * x1;
                }
            }
            a += 4; /* the word behind a chunk */
        }
        for (uint32_t r = 0; r < ROWS && i + r < m; r++)
            args->y[i + r] = (args->accumulate ? args->y[i + r] : 0) + sums[r];
    }
}
