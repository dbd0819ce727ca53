/* Plain C: every byte of every plane to its pixel. */
#include "abi.h"

void interleave_u8_ref(const struct interleave *args)
{
    const uint32_t planes = 4 * args->words;
    for (uint32_t c = 0; c < planes; c++) {
        const uint8_t *restrict x = args->x + c * args->x_plane;
        uint8_t *restrict y = args->y + c;
        for (uint32_t i = 0; i < args->pixels; i++) {
            *y = x[i];
            y += args->y_pixel;
        }
    }
}
