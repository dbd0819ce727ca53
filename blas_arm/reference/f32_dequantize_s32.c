/* Plain C: the product of the magnitude and the scale in 96 bits, rounded half to even. */
#include "f32_ref.h"

void f32_dequantize_s32_ref(const struct f32_dequantize *args)
{
    for (uint32_t i = 0; i < args->count; i++) {
        const int32_t x = args->x[i];
        uint32_t size = x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
        if (size == 0) {
            args->y[i] = 0;
            continue;
        }
        const int32_t zeros = __builtin_clz(size);
        size <<= zeros;
        const uint64_t low = (uint64_t)size * args->low, high = (uint64_t)size * args->high + (low >> 32);
        const uint32_t sticky = ((uint32_t)high | (uint32_t)low) != 0;
        args->y[i] = f32_rounded(x < 0 ? F32_SIGN : 0, args->exponent - zeros, (uint32_t)(high >> 32) | sticky);
    }
}
