/* Plain C: the border everywhere, then every byte to its plane. */
#include "abi.h"

void planes_u8_s16_ref(const struct planes *args)
{
    uint32_t *border = (uint32_t *)args->y;
    for (uint32_t i = 0; i < args->fill; i++)
        border[i] = args->border;
    const uint8_t flip = (uint8_t)args->flip;
    const uint32_t channels = 4 * args->words;
    for (uint32_t i = 0; i < args->rows; i++)
        for (uint32_t c = 0; c < channels; c++) {
            const uint8_t *restrict x = args->x + i * args->x_row + c;
            int16_t *restrict y = args->y + (args->corner + i * args->y_row + c * args->y_plane) / sizeof(int16_t);
            for (uint32_t j = 0; j < args->columns; j++) {
                y[j] = *x ^ flip;
                x += args->x_pixel;
            }
        }
}
