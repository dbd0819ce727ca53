/* Plain C: int64 sums times a power of two to float32, rounded once to nearest even. */
#include "abi.h"
#include "float_gemm.h"

enum { INFINITE = 0x7f800000, NOT_A_NUMBER = 0x7fc00000 };

/* float32 bits of (high : low) * 2**scale, the sum not zero and positive */
static inline uint32_t rounded(uint32_t high, uint32_t low, int32_t scale)
{
    int32_t exponent = scale + 127 + 63; /* of the result when bit 63 leads */
    if (!high) {
        high = low;
        low = 0;
        exponent -= 32;
    }
    const int shift = __builtin_clz(high);
    if (shift) {
        high = high << shift | low >> (32 - shift);
        low <<= shift;
    }
    exponent -= shift;
    high |= low != 0; /* what is lost is far below half a unit: one bit remembers it */
    if (exponent >= 255)
        return INFINITE;
    int32_t drop = 8; /* bits below the significand */
    if (exponent < 1) {
        drop += 1 - exponent;
        exponent = 1;
        if (drop > 32)
            return 0;
    }
    /* drop = 32: the half is all that is left of the sum's leading bit */
    uint32_t kept = drop == 32 ? 0 : high >> drop, half = high >> (drop - 1) & 1;
    uint32_t below = high << 1 << (32 - drop);
    kept += half & (kept | (below != 0));
    return kept + ((uint32_t)(exponent - 1) << 23);
}

void convert_f32_result_ref(const struct f32_result *args)
{
    uint32_t overflows = 0;
    for (uint32_t i = 0; i < args->m; i++) {
        const uint32_t *restrict s = (const uint32_t *)(args->s + i * args->lds);
        uint32_t *restrict y = args->y + i * args->ldy;
        const int32_t ea = args->ea[i], rescale = ea - 2 * (int32_t)args->bits;
        for (uint32_t j = 0; j < args->n; j++, s += 2) {
            uint32_t low = s[0], high = s[1];
            if (ea == FLOAT_NONFINITE || args->eb[j] == FLOAT_NONFINITE) {
                y[j] = NOT_A_NUMBER;
                continue;
            }
            if (!(low | high)) {
                y[j] = 0;
                continue;
            }
            const uint32_t sign = high & 0x80000000;
            if (sign) {
                low = -low;
                high = ~high + !low;
            }
            const uint32_t bits = rounded(high, low, rescale + args->eb[j]);
            overflows += bits == INFINITE;
            y[j] = bits | sign;
        }
    }
    *args->count += overflows;
}
