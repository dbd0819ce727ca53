/* Plain C: rows of float32 to exponent and int32 mantissas; every case by the same few shifts. */
#include "abi.h"
#include "float_gemm.h"

/* rne(m * 2**-shift) for m < 2**24; a negative shift goes left and is exact */
static inline uint32_t scaled(uint32_t m, int32_t shift)
{
    if (shift <= 0)
        return m << -shift;
    if (shift > 25)
        return 0;
    return (m + (1u << (shift - 1)) - 1 + (m >> shift & 1)) >> shift;
}

void convert_f32_panel_ref(const struct f32_panel *args)
{
    const uint32_t rows = args->rows, k = args->k, stride = args->k_stride / 4;
    for (uint32_t r = 0; r < rows; r++) {
        const uint32_t *restrict x =
            args->x + r / 2 * (args->pair_stride / 4) + (r & 1) * (args->row_stride / 4);
        int32_t *restrict q = args->panels + r / 2 * 2 * k + (r & 1);
        const uint32_t top = args->top[r];
        if (top >= 0x7f800000) {
            args->exponents[r] = FLOAT_NONFINITE;
            ++*args->count;
            for (uint32_t i = 0; i < k; i++)
                q[2 * i] = 0;
            continue;
        }
        /* |x| < 2**e, and an element is m * 2**(max(E, 1) - 150) */
        int32_t e = top >> 23 ? (int32_t)(top >> 23) - 126 : top ? -117 - __builtin_clz(top) : 0;
        const int32_t base = e + 150 - (int32_t)args->bits;
        args->exponents[r] = e;
        for (uint32_t i = 0; i < k; i++, x += stride) {
            uint32_t exponent = *x >> 23 & 255, m = *x & 0x7fffff;
            if (exponent)
                m |= 0x800000;
            else
                exponent = 1;
            int32_t magnitude = (int32_t)scaled(m, base - (int32_t)exponent);
            q[2 * i] = (int32_t)*x < 0 ? -magnitude : magnitude;
        }
    }
    if (rows & 1) {
        int32_t *q = args->panels + (rows - 1) * k + 1;
        for (uint32_t i = 0; i < k; i++)
            q[2 * i] = 0;
    }
}
