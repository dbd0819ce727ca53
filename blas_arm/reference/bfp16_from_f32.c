/* Plain C: float32 to bfp16 mantissas at a given exponent, rounded half to even; clamped and lost ones counted. */
#include "abi.h"

void bfp16_from_f32_ref(const struct bfp_from_f32 *args)
{
    const uint32_t *restrict x = args->x;
    int16_t *restrict q = args->q;
    const int32_t bias = args->bias;
    const uint32_t count = 2 * args->pairs;
    uint32_t saturated = 0, lost = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t bits = x[i], magnitude = bits << 1, fraction = bits << 8 | 0x80000000u;
        const int32_t shift = bias - (int32_t)(magnitude >> 24);
        const int32_t negative = bits >> 31;
        int32_t value = 0;
        if (shift < 16)
            value = 65536; /* beyond every mantissa */
        else if (shift < 32) {
            const uint32_t rest = fraction << (32 - shift);
            value = fraction >> shift;
            value += rest > 0x80000000u - (value & 1);
        } else if (shift == 32)
            value = fraction > 0x80000000u;
        lost += value == 0 && magnitude != 0;
        if (negative)
            value = -value;
        if (value > 32767) {
            value = 32767;
            saturated++;
        } else if (value < -32768) {
            value = -32768;
            saturated++;
        }
        q[i] = value;
    }
    args->counts[0] = saturated;
    args->counts[1] = lost;
}
