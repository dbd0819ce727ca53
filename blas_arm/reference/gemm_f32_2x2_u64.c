/* Plain C: the same product on the same panels as the hand-written kernel, a block of four sums at a time. */
#include "abi.h"

void gemm_f32_2x2_u64_ref(const struct f32_gemm *args)
{
    const uint32_t m = args->m, n = args->n, k = args->k;
    for (uint32_t i = 0; i < m; i += 2)
        for (uint32_t j = 0; j < n; j += 2) {
            const int32_t *restrict a = args->a + i * k, *restrict b = args->b + j * k;
            int64_t s00 = 0, s01 = 0, s10 = 0, s11 = 0;
            for (const int32_t *end = a + 2 * k; a != end; a += 2, b += 2) {
                s00 += (int64_t)a[0] * b[0];
                s01 += (int64_t)a[0] * b[1];
                s10 += (int64_t)a[1] * b[0];
                s11 += (int64_t)a[1] * b[1];
            }
            const int64_t sums[2][2] = {{s00, s01}, {s10, s11}};
            for (uint32_t y = 0; y < 2 && i + y < m; y++)
                for (uint32_t x = 0; x < 2 && j + x < n; x++) {
                    int64_t *c = args->c + (i + y) * args->ldc + j + x;
                    *c = args->accumulate ? *c + sums[y][x] : sums[y][x];
                }
        }
}
