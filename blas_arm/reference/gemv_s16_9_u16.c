/* Plain C: the same product on the same panels as the hand-written kernel, a panel of nine sums at a time. */
#include "abi.h"

enum { ROWS = 9, UNROLL = 16 };

void gemv_s16_9_u16_ref(const struct gemv_s16 *args)
{
    const uint32_t m = args->m, pairs = args->pairs;
    const int16_t *restrict a = (const int16_t *)args->a;
    for (uint32_t i = 0; i < m; i += ROWS) {
        const int16_t *restrict x = (const int16_t *)args->x;
        int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0, s8 = 0;
        uint32_t left = (pairs - 1) % UNROLL + 1;
        for (uint32_t done = 0; done < pairs; done += left, left = UNROLL) {
            for (const int16_t *end = x + 2 * left; x != end; x += 2, a += 2 * ROWS) {
                const int32_t x0 = x[0], x1 = x[1];
                s0 += a[0] * x0 + a[1] * x1;
                s1 += a[2] * x0 + a[3] * x1;
                s2 += a[4] * x0 + a[5] * x1;
                s3 += a[6] * x0 + a[7] * x1;
                s4 += a[8] * x0 + a[9] * x1;
                s5 += a[10] * x0 + a[11] * x1;
                s6 += a[12] * x0 + a[13] * x1;
                s7 += a[14] * x0 + a[15] * x1;
                s8 += a[16] * x0 + a[17] * x1;
            }
            a += 2; /* the word behind a chunk */
        }
        const int32_t sums[ROWS] = {s0, s1, s2, s3, s4, s5, s6, s7, s8};
        for (uint32_t y = 0; y < ROWS && i + y < m; y++)
            args->y[i + y] = args->accumulate ? args->y[i + y] + sums[y] : sums[y];
    }
}
