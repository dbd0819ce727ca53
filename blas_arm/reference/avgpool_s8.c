/* Plain C: mean over windows of any size and stride, NHWC, rounded half to even by a multiplication. */
#include "abi.h"
#include "clamped.h"

static inline int8_t divided(uint32_t sum, const uint32_t *divisor, uint32_t odd)
{
    const uint64_t product = (uint64_t)sum * divisor[0] + (divisor[1] | (uint64_t)divisor[2] << 32);
    int32_t q = (int32_t)(product >> 32);
    if ((uint32_t)product < divisor[3])
        q &= ~1;
    q -= (int32_t)odd;
    CLAMPED_NOW[0] += q < 0 || q > 255;
    return (int8_t)((q < 0 ? 0 : q > 255 ? 255 : q) - 128);
}

void avgpool_s8_ref(const struct avgpool *args)
{
    const uint32_t channels = 4 * args->words, *divisor = args->divisors;
    int8_t *restrict y = (int8_t *)args->y;
    for (uint32_t i = 0; i < args->rows; i++)
        for (uint32_t j = 0; j < args->columns; j++, y += channels, divisor += args->divisor_step / 4) {
            const int8_t *window = (const int8_t *)args->x + i * args->step_row + j * args->step_column;
            for (uint32_t c = 0; c < channels; c++) {
                uint32_t sum = 0;
                for (uint32_t p = 0; p < args->window_rows; p++) {
                    const int8_t *restrict x = window + p * args->pitch + c;
                    for (uint32_t q = 0; q < args->window_columns; q++, x += channels)
                        sum += (uint32_t)(*x + 128);
                }
                y[c] = divided(sum, divisor, args->odd);
            }
        }
}
