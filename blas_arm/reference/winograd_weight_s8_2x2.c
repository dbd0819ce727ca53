/* Plain C: the same transform into the same panels as the hand-written kernel. */
#include "abi.h"

enum { UNROLL = 32 };

void winograd_weight_s8_2x2_ref(const struct winograd_weight *args)
{
    const uint32_t channels = args->channels, m = args->m, pairs = (channels + 3) / 4 * 2;
    const uint32_t chunks = (pairs + UNROLL - 1) / UNROLL, first = (pairs - 1) % UNROLL + 1;
    const uint32_t position = 3 * pairs + chunks; /* words */
    const int8_t *restrict g = args->w;
    for (uint32_t i = 0; i < (m + 2) / 3 * 3; i++) {
        uint32_t *panel = args->u + i / 3 * 16 * position;
        const uint32_t s0 = i % 3 == 2 ? 2 : i % 3, s1 = i % 3 == 2 ? 3 : i % 3 + 4;
        uint32_t pair = 0, left = first;
        for (uint32_t k = 0; k < 2 * pairs; k++) {
            int16_t *out = (int16_t *)(panel + pair) + (k % 2 ? s1 : s0);
            const uint32_t real = k < channels && i < m;
            int32_t t[4][3];
            for (uint32_t j = 0; j < 3; j++) {
                const int32_t a = real ? g[j] : 0, b = real ? g[3 + j] : 0, c = real ? g[6 + j] : 0;
                t[0][j] = 2 * a;
                t[1][j] = a + b + c;
                t[2][j] = a - b + c;
                t[3][j] = 2 * c;
            }
            for (uint32_t r = 0; r < 4; r++, out += 8 * position) {
                const int32_t a = t[r][0], b = t[r][1], c = t[r][2];
                out[0] = (int16_t)(2 * a);
                out[2 * position] = (int16_t)(a + b + c);
                out[4 * position] = (int16_t)(a - b + c);
                out[6 * position] = (int16_t)(2 * c);
            }
            g += real ? 9 : 0;
            if (k % 2) {
                pair += 3;
                if (--left == 0 || k + 1 == 2 * pairs) { /* the word behind a chunk */
                    for (uint32_t p = 0; p < 16; p++)
                        panel[p * position + pair] = k + 1 < 2 * pairs ? 1 : p < 15 ? 0 : 0xffffffff;
                    pair++;
                    left = UNROLL;
                }
            }
        }
    }
}
