/* Plain C: the same product on the same panels as the hand-written kernel, a block of nine sums at a time. */
#include "abi.h"

enum { BLOCK = 3, UNROLL = 32 };

void gemm_s16_3x3_outer_u32_ref(const struct gemm_s16 *args)
{
    const uint32_t m = args->m, n = args->n, pairs = args->pairs;
    const int16_t *a_panel = (const int16_t *)args->a;
    for (uint32_t i = 0; i < m; i += BLOCK) {
        const int16_t *restrict a = a_panel;
        const int16_t *restrict b = (const int16_t *)args->b;
        for (uint32_t j = 0; j < n; j += BLOCK) {
            int32_t s00 = 0, s01 = 0, s02 = 0, s10 = 0, s11 = 0, s12 = 0, s20 = 0, s21 = 0, s22 = 0;
            uint32_t left = (pairs - 1) % UNROLL + 1;
            a = a_panel;
            for (uint32_t done = 0; done < pairs; done += left, left = UNROLL) {
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
            const int32_t sums[BLOCK][BLOCK] = {{s00, s01, s02}, {s10, s11, s12}, {s20, s21, s22}};
            for (uint32_t y = 0; y < BLOCK && i + y < m; y++)
                for (uint32_t x = 0; x < BLOCK && j + x < n; x++) {
                    int32_t *c = args->c + (i + y) * args->ldc + j + x;
                    *c = args->accumulate ? *c + sums[y][x] : sums[y][x];
                }
        }
        a_panel = a;
    }
}
