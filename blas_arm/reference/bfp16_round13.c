/* Plain C: int16 mantissas rounded to 13 bits in place, half to even. */
#include "abi.h"

void bfp16_round13_ref(const struct bfp_round *args)
{
    int16_t *restrict x = args->x;
    const uint32_t count = 4 * args->quads, shift = args->shift;
    if (!shift)
        return;
    const int32_t half = 1 << (shift - 1);
    for (uint32_t i = 0; i < count; i++) {
        const int32_t q = x[i];
        x[i] = (q + half - 1 + ((q >> shift) & 1)) >> shift;
    }
}
