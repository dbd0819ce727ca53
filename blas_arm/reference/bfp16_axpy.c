/* Plain C: y = (a x + b y) / 2^shift on int16 mantissas, rounded half to even, clamped, counted. */
#include "abi.h"

void bfp16_axpy_ref(const struct bfp_axpy *args)
{
    const int16_t *restrict x = args->x;
    int16_t *restrict y = args->y;
    const int32_t a = (int16_t)args->factors, b = (int32_t)args->factors >> 16;
    const uint32_t count = 2 * args->pairs, shift = args->shift, half = (1u << shift) >> 1;
    uint32_t saturated = 0;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t sum = a * x[i] + b * y[i];
        const uint32_t rest = sum & ((1u << shift) - 1);
        int32_t value = sum >> shift;
        value += rest > half || (rest == half && half != 0 && (value & 1));
        if (value != (int16_t)value) {
            value = value < 0 ? -32768 : 32767;
            saturated++;
        }
        y[i] = value;
    }
    *args->saturated = saturated;
}
