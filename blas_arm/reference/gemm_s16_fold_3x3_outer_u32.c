/* Plain C: the same product on the same panels, nine 32-bit sums at a time, folded to 64 bits every 128 k. */
#include "abi.h"

enum { BLOCK = 3, UNROLL = 32, FOLD = 2 };

void gemm_s16_fold_3x3_outer_u32_ref(const struct gemm_s16_fold *args)
{
    const uint32_t m = args->m, n = args->n, pairs = args->pairs;
    const int16_t *a_panel = (const int16_t *)args->a;
    for (uint32_t i = 0; i < m; i += BLOCK) {
        const int16_t *restrict a = a_panel;
        const int16_t *restrict b = (const int16_t *)args->b;
        for (uint32_t j = 0; j < n; j += BLOCK) {
            int64_t sums[BLOCK][BLOCK] = {{0}};
            uint32_t left = (pairs - 1) % UNROLL + 1, done = 0;
            a = a_panel;
            while (done < pairs) {
                int32_t s00 = 0, s01 = 0, s02 = 0, s10 = 0, s11 = 0, s12 = 0, s20 = 0, s21 = 0, s22 = 0;
                for (uint32_t chunk = 0; chunk < FOLD && done < pairs; chunk++, done += left, left = UNROLL) {
                    const int16_t *end = a + 6 * left;
                    for (; a != end; a += 6, b += 6) {
                        s00 += a[0] * b[0] + a[4] * b[4];
                        s01 += a[0] * b[1] + a[4] * b[5];
                        s02 += a[0] * b[2] + a[4] * b[3];
                        s10 += a[1] * b[0] + a[5] * b[4];
                        s11 += a[1] * b[1] + a[5] * b[5];
                        s12 += a[1] * b[2] + a[5] * b[3];
                        s20 += a[2] * b[0] + a[3] * b[4];
                        s21 += a[2] * b[1] + a[3] * b[5];
                        s22 += a[2] * b[2] + a[3] * b[3];
                    }
                    a += 2; /* the word behind a chunk */
                }
                sums[0][0] += s00, sums[0][1] += s01, sums[0][2] += s02;
                sums[1][0] += s10, sums[1][1] += s11, sums[1][2] += s12;
                sums[2][0] += s20, sums[2][1] += s21, sums[2][2] += s22;
            }
            for (uint32_t y = 0; y < BLOCK && i + y < m; y++)
                for (uint32_t x = 0; x < BLOCK && j + x < n; x++) {
                    int64_t *c = args->c + (i + y) * args->ldc + j + x;
                    *c = args->accumulate ? *c + sums[y][x] : sums[y][x];
                }
        }
        a_panel = a;
    }
}
