/* Plain C: softmax of rows by a table of exponentials; three passes, the reciprocal by shift and subtract. */
#include "abi.h"

static uint32_t reciprocal(uint32_t sum)
{
    const uint32_t divisor = sum >> 6;
    uint32_t rest = 1u << 15, quotient = 0; /* 2^31 / divisor, divisor >= 2^16 */
    for (uint32_t bit = 0; bit < 16; bit++) {
        rest <<= 1;
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    return quotient < 32703 ? quotient : 32703;
}

void softmax_s8_u8_ref(const struct softmax *args)
{
    const uint32_t columns = args->columns;
    const uint32_t *restrict lut = args->lut;
    const int8_t *restrict x = args->x;
    uint8_t *restrict y = args->y;
    for (uint32_t i = 0; i < args->rows; i++, x += args->pitch, y += args->pitch) {
        int32_t max = -128;
        for (uint32_t j = 0; j < columns; j++)
            max = x[j] > max ? x[j] : max;
        uint32_t sum = 0;
        for (uint32_t j = 0; j < columns; j++)
            sum += lut[max - x[j]];
        const int32_t scale = (int32_t)reciprocal(sum);
        for (uint32_t j = 0; j < columns; j++)
            y[j] = (uint8_t)((((int64_t)lut[max - x[j]] * scale >> 16) + 4096) >> 13);
    }
}
