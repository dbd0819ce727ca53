/* Plain C: the sums of blocks of B, one 16-bit value at a time. */
#include "abi.h"

void strassen_sums_u8_x4_ref(const struct strassen_sums *args)
{
    const int16_t *restrict b11 = (const int16_t *)args->b11, *restrict b21 = (const int16_t *)args->b21;
    const int16_t *restrict b22 = (const int16_t *)args->b22;
    int16_t *restrict b12 = (int16_t *)args->b12, *restrict t1 = (int16_t *)args->t1;
    int16_t *restrict t2 = (int16_t *)args->t2, *restrict t4 = (int16_t *)args->t4;
    for (uint32_t i = 0; i < 2 * args->words; i++) {
        const int32_t first = b12[i] - b11[i], second = b22[i] - first;
        t1[i] = (int16_t)first;
        t2[i] = (int16_t)second;
        b12[i] = (int16_t)(b22[i] - b12[i]);
        t4[i] = (int16_t)(second - b21[i]);
    }
}
