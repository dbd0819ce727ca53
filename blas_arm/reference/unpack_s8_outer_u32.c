/* Plain C: the same expansion of packed weights, one weight at a time as a C programmer's bytes. */
#include "abi.h"

enum { UNROLL = 32 };

void unpack_s8_outer_u32_ref(const struct unpack_s8 *args)
{
    const uint32_t pairs = args->pairs;
    const uint8_t *restrict packed = (const uint8_t *)args->packed;
    uint32_t *restrict a = args->a;
    for (uint32_t panel = 0; panel < args->panels; panel++) {
        uint32_t left = (pairs - 1) % UNROLL + 1;
        for (uint32_t done = 0; done < pairs; left = UNROLL) {
            for (uint32_t i = 0; i < 3 * left; i += 2, packed += 4, a += 2) {
                const int32_t low0 = packed[0] - 128, low1 = packed[1] - 128;
                const int32_t high0 = packed[2] - 127 - (low0 < 0), high1 = packed[3] - 127 - (low1 < 0);
                a[0] = (uint32_t)high0 << 16 | (uint16_t)low0;
                a[1] = (uint32_t)high1 << 16 | (uint16_t)low1;
            }
            done += left;
            *a++ = done < pairs;
        }
    }
    for (uint32_t i = 0; i < args->npatches; i++)
        args->a[args->patches[i] / 4] -= 0x01000000;
}
