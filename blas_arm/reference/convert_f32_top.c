/* Plain C: the largest magnitude of each row of float32, as bits without their sign. */
#include "abi.h"

void convert_f32_top_ref(const struct f32_top *args)
{
    const uint32_t k = args->k, stride = args->k_stride / 4;
    uint32_t *restrict top = args->top;
    for (uint32_t r = 0; r < args->rows; r++) {
        const uint32_t *restrict x =
            args->x + r / 2 * (args->pair_stride / 4) + (r & 1) * (args->row_stride / 4);
        uint32_t best = args->accumulate ? top[r] : 0;
        for (uint32_t i = 0; i < k; i++, x += stride) {
            uint32_t bits = *x & 0x7fffffff;
            best = bits > best ? bits : best;
        }
        top[r] = best;
    }
}
