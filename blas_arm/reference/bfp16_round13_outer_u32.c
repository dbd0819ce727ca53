/* Plain C: rows of int16 mantissas to outer panels of 13-bit ones, rounded half to even. */
#include "abi.h"

enum { BLOCK = 3, UNROLL = 32 };

static int16_t rounded(int32_t q, uint32_t shift)
{
    const int32_t half = (1 << shift) >> 1;
    return (q + half - (half != 0) + ((q >> shift) & (half != 0))) >> shift;
}

void bfp16_round13_outer_u32_ref(const struct bfp_round13 *args)
{
    const uint32_t rows = args->rows, pairs = args->pairs, shift = args->shift;
    const uint32_t chunks = (pairs + UNROLL - 1) / UNROLL;
    int16_t *restrict out = (int16_t *)args->panels;
    for (uint32_t row = 0; row < rows; row += BLOCK) {
        const int16_t *restrict x0 = args->x + row * (args->pitch / 2);
        const int16_t *restrict x1 = row + 1 < rows ? x0 + args->pitch / 2 : x0;
        const int16_t *restrict x2 = row + 2 < rows ? x1 + args->pitch / 2 : x1;
        uint32_t left = (pairs - 1) % UNROLL + 1;
        for (uint32_t chunk = 0; chunk < chunks; chunk++, left = UNROLL) {
            for (uint32_t i = 0; i < left; i++, x0 += 2, x1 += 2, x2 += 2, out += 6) {
                out[0] = rounded(x0[0], shift);
                out[1] = rounded(x1[0], shift);
                out[2] = rounded(x2[0], shift);
                out[3] = rounded(x2[1], shift);
                out[4] = rounded(x0[1], shift);
                out[5] = rounded(x1[1], shift);
            }
            if (args->chunk_words) {
                out[0] = chunk + 1 == chunks ? 0 : chunk % 2 == 0 ? 1 : chunk == 1 ? 3 : 2;
                out[1] = 0;
                out += 2;
            }
        }
    }
    if (!args->chunk_words)
        out[0] = out[1] = 0;
}
