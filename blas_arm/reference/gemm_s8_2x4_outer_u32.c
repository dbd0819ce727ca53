/* Plain C: the same product on the same panels as the hand-written kernel, a block of eight sums at a time. */
#include "abi.h"

enum { ROWS = 2, COLUMNS = 4, UNROLL = 32 };

void gemm_s8_2x4_outer_u32_ref(const struct gemm_s8 *args)
{
    const uint32_t m = args->m, n = args->n, pairs = args->pairs;
    const int8_t *a_panel = (const int8_t *)args->a;
    for (uint32_t i = 0; i < m; i += ROWS) {
        const int8_t *restrict a = a_panel;
        const uint32_t *b_panel = args->b;
        for (uint32_t j = 0; j < n; j += COLUMNS, b_panel += COLUMNS * (1 + pairs)) {
            const int16_t *restrict b = (const int16_t *)(b_panel + COLUMNS);
            int32_t s00 = 0, s01 = 0, s02 = 0, s03 = 0;
            int32_t s10 = (int32_t)b_panel[0], s11 = (int32_t)b_panel[1];
            int32_t s12 = (int32_t)b_panel[2], s13 = (int32_t)b_panel[3];
            uint32_t left = (pairs - 1) % UNROLL + 1;
            a = a_panel;
            for (uint32_t done = 0; done < pairs; done += left, left = UNROLL) {
                for (const int8_t *end = a + 4 * left; a != end; a += 4, b += 8) {
                    const int32_t a00 = a[1], a01 = a[3], a10 = (uint8_t)a[0], a11 = (uint8_t)a[2];
                    s00 += a00 * b[0] + a01 * b[1];
                    s10 += a10 * b[0] + a11 * b[1];
                    s01 += a00 * b[2] + a01 * b[3];
                    s11 += a10 * b[2] + a11 * b[3];
                    s02 += a00 * b[4] + a01 * b[5];
                    s12 += a10 * b[4] + a11 * b[5];
                    s03 += a00 * b[6] + a01 * b[7];
                    s13 += a10 * b[6] + a11 * b[7];
                }
                a += 4; /* the word behind a chunk */
            }
            const int32_t sums[ROWS][COLUMNS] = {{s00, s01, s02, s03}, {s10, s11, s12, s13}};
            for (uint32_t y = 0; y < ROWS && i + y < m; y++)
                for (uint32_t x = 0; x < COLUMNS && j + x < n; x++) {
                    int32_t *c = args->c + (i + y) * args->ldc + j + x;
                    *c = (args->accumulate ? *c : 0) + sums[y][x];
                }
        }
        a_panel = a;
    }
}
