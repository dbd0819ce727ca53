/* Plain C: y = a x / 2^shift on int16 mantissas, rounded half to even, clamped, counted. */
#include "abi.h"

void bfp16_scal_ref(const struct bfp_scal *args)
{
    const int16_t *restrict x = args->x;
    int16_t *restrict y = args->y;
    const int32_t a = args->factor;
    const uint32_t count = 2 * args->pairs, shift = args->shift, half = (1u << shift) >> 1;
    uint32_t saturated = 0;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t product = a * x[i];
        const uint32_t rest = product & ((1u << shift) - 1);
        int32_t value = product >> shift;
        value += rest > half || (rest == half && half != 0 && (value & 1));
        if (value != (int16_t)value) {
            value = value < 0 ? -32768 : 32767;
            saturated++;
        }
        y[i] = value;
    }
    *args->saturated = saturated;
}
