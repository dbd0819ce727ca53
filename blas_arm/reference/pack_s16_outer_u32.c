/* Plain C: rows that lie side by side, gathered into outer panels of three. */
#include "abi.h"

enum { BLOCK = 3, UNROLL = 32 };

void pack_s16_outer_u32_ref(const struct pack_s16 *args)
{
    const uint32_t rows = args->rows, columns = args->columns, k = columns * args->lines;
    const uint32_t pairs = (k + 3) / 4 * 2, chunks = (pairs + UNROLL - 1) / UNROLL;
    int16_t *out = (int16_t *)args->panels;
    for (uint32_t row = 0; row < rows; row += BLOCK) {
        const char *line = (const char *)args->x;
        uint32_t column = 0, left = (pairs - 1) % UNROLL + 1, chunk = 0;
        for (uint32_t i = 0; i < 2 * pairs; i++) {
            for (uint32_t j = 0; j < BLOCK; j++) {
                const uint32_t r = row + j < rows ? row + j : rows - 1;
                const int16_t *x = (const int16_t *)(line + column * args->k_stride);
                out[j == 2 ? 2 + i % 2 : j + 4 * (i % 2)] = i < k ? x[r] : 0;
            }
            if (++column == columns) {
                column = 0;
                line += args->line_stride;
            }
            if (i % 2 == 0)
                continue;
            out += 2 * BLOCK;
            if (--left == 0 && args->chunk_words) {
                out[0] = chunk + 1 == chunks ? 0 : chunk % 2 == 0 ? 1 : chunk == 1 ? 3 : 2;
                out[1] = 0;
                out += 2;
                left = UNROLL;
                chunk++;
            }
        }
    }
    if (!args->chunk_words)
        out[0] = out[1] = 0;
}
