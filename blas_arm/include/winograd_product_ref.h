/* Plain C of the Winograd products for one channel and tile, and of the rounding of one output. */
#ifndef WINOGRAD_PRODUCT_REF_H
#define WINOGRAD_PRODUCT_REF_H
#include "abi.h"
#include "clamped.h"

enum { UNROLL = 32 };

/* The products at all positions for tile j, output channel i. */
static void winograd_products(
    const uint32_t *u, const uint32_t *v, uint32_t positions, uint32_t pairs, uint32_t i, uint32_t j, uint32_t *m)
{
    const uint32_t chunks = (pairs + UNROLL - 1) / UNROLL, first = (pairs - 1) % UNROLL + 1;
    const int16_t *restrict a = (const int16_t *)(u + i / 3 * positions * (3 * pairs + chunks));
    const int16_t *restrict b = (const int16_t *)(v + j / 3 * positions * 3 * pairs);
    /* halves of an operand at k and k + 1 inside its three words */
    const uint32_t a0 = i % 3 == 2 ? 2 : i % 3, a1 = i % 3 == 2 ? 3 : i % 3 + 4;
    const uint32_t b0 = j % 3 == 2 ? 2 : j % 3, b1 = j % 3 == 2 ? 3 : j % 3 + 4;
    for (uint32_t p = 0; p < positions; p++) {
        uint32_t sum = 0, left = first;
        for (uint32_t chunk = 0; chunk < chunks; chunk++) {
            for (uint32_t n = 0; n < left; n++, a += 6, b += 6)
                sum += (uint32_t)(a[a0] * b[b0]) + (uint32_t)(a[a1] * b[b1]);
            a += 2; /* the word behind a chunk */
            left = UNROLL;
        }
        m[p] = sum;
    }
}

/* Sums of the convolution at the 2x2 pixels of a tile. */
static inline void winograd_sums_2x2(
    const uint32_t *u, const uint32_t *v, uint32_t pairs, uint32_t i, uint32_t j, int32_t y[4])
{
    uint32_t m[16], t[2][4];
    winograd_products(u, v, 16, pairs, i, j, m);
    for (uint32_t c = 0; c < 4; c++) {
        t[0][c] = m[c] + m[4 + c] + m[8 + c];
        t[1][c] = m[4 + c] - m[8 + c] - m[12 + c];
    }
    for (uint32_t r = 0; r < 2; r++) { /* columns 2 and 3 of V are negated */
        y[2 * r] = (int32_t)(t[r][0] + t[r][1] - t[r][2]) >> 2;
        y[2 * r + 1] = (int32_t)(t[r][1] + t[r][2] + t[r][3]) >> 2;
    }
}

/* Sums of the convolution at the 2x4 pixels of a tile. */
static inline void winograd_sums_2x4(
    const uint32_t *u, const uint32_t *v, uint32_t pairs, uint32_t i, uint32_t j, int32_t y[8])
{
    const uint32_t third = 0xaaaaaaab; /* of 1, modulo 2^32 */
    uint32_t m[24], t[2][6];
    winograd_products(u, v, 24, pairs, i, j, m);
    for (uint32_t c = 0; c < 6; c++) { /* rows 2 and 3 of V are negated */
        t[0][c] = m[4 * c] + m[4 * c + 1] - m[4 * c + 2];
        t[1][c] = m[4 * c + 1] + m[4 * c + 2] + m[4 * c + 3];
    }
    for (uint32_t r = 0; r < 2; r++) {
        const uint32_t p = t[r][1] + t[r][2], q = t[r][1] - t[r][2];
        const uint32_t a = t[r][3] + t[r][4], b = t[r][3] - t[r][4];
        y[4 * r] = (int32_t)((t[r][0] + p + a) * third) >> 4;
        y[4 * r + 1] = (int32_t)((q + 2 * b) * third) >> 4;
        y[4 * r + 2] = (int32_t)((p + 4 * a) * third) >> 4;
        y[4 * r + 3] = (int32_t)((q + 8 * b + t[r][5]) * third) >> 4;
    }
}

static inline uint8_t winograd_requantised(
    int32_t sum, const uint32_t *row, const struct winograd_product *args)
{
    const int64_t k = (int64_t)((uint64_t)row[1] << 32 | row[0]);
    const int32_t range = (int32_t)args->range, low = args->low;
    const uint32_t p = row[3] >> 8 & 0xff, odd = row[3] >> 16;
    const int64_t t = (int64_t)(int32_t)((uint32_t)sum << p) * (int32_t)row[2] + k;
    int32_t q = (int32_t)(t >> 32);
    if ((uint32_t)t == 0)
        q &= ~1;
    q -= (int32_t)odd;
    if ((q > range && args->counts & COUNT_ABOVE) || (q < 0 && args->counts & COUNT_BELOW))
        CLAMPED_NOW[0]++;
    q = q < 0 ? 0 : q > range ? range : q;
    return (uint8_t)(q + low);
}

#endif
