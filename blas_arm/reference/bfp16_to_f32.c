/* Plain C: bfp16 mantissas to float32; exact, since no exponent reaches the subnormals. */
#include "abi.h"

void bfp16_to_f32_ref(const struct bfp_to_f32 *args)
{
    const int16_t *restrict q = args->q;
    uint32_t *restrict y = args->y;
    const uint32_t count = 2 * args->pairs, bias = args->bias;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t value = q[i];
        const uint32_t magnitude = value < 0 ? -value : value;
        if (magnitude == 0) {
            y[i] = 0;
            continue;
        }
        const uint32_t zeros = __builtin_clz(magnitude);
        const uint32_t fraction = magnitude << zeros >> 8; /* its leading one adds 1 to the exponent field */
        y[i] = (((bias + 16 - zeros) << 23) + fraction) | ((uint32_t)value & 0x80000000u);
    }
}
