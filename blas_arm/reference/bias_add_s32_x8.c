/* Plain C: adds each row's bias to its int32 sums, in place. */
#include "abi.h"

void bias_add_s32_x8_ref(const struct bias_add *args)
{
    const uint32_t n = args->n;
    for (uint32_t i = 0; i < args->m; i++) {
        int32_t *restrict c = args->c + i * args->ldc;
        const int32_t bias = args->bias[i];
        for (uint32_t j = 0; j < n; j++)
            c[j] += bias;
    }
}
