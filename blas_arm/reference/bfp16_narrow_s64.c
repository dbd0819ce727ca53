/* Plain C: int64 sums to int16 mantissas, a shift for each row, rounded half to even, clamped, counted. */
#include "abi.h"

void bfp16_narrow_s64_ref(const struct bfp_narrow *args)
{
    const int64_t *restrict c = args->c;
    const uint32_t m = args->m, n = args->n;
    uint32_t saturated = 0;
    for (uint32_t i = 0; i < m; i++) {
        const uint32_t shift = args->shifts[i], half = (1u << shift) >> 1;
        char *restrict y = (char *)args->y + (int32_t)i * args->y_row;
        for (uint32_t j = 0; j < n; j++, y += args->y_step) {
            const int64_t sum = *c++;
            const uint32_t rest = (uint32_t)sum & ((1u << shift) - 1);
            int32_t value = (int32_t)(sum >> shift);
            value += rest > half || (rest == half && half != 0 && (value & 1));
            if (value != (int16_t)value) {
                value = value < 0 ? -32768 : 32767;
                saturated++;
            }
            *(int16_t *)y = value;
        }
    }
    *args->saturated = saturated;
}
