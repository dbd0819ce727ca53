/* Plain C: the same products, output transform and rounding on the same panels as the hand-written kernel. */
#include "winograd_product_ref.h"

void winograd_product_s16_2x2_u32_ref(const struct winograd_product *args)
{
    for (uint32_t i = 0; i < args->m; i++) {
        const uint32_t *row = args->rows + 4 * i;
        uint8_t *y = (uint8_t *)args->y + i;
        uint32_t column = 0;
        for (uint32_t j = 0; j < args->tiles; j++) {
            int32_t s[4];
            winograd_sums_2x2(args->u, args->v, args->pairs, i, j, s);
            for (uint32_t p = 0; p < 4; p++)
                y[p / 2 * args->y_row + p % 2 * args->y_step] = winograd_requantised(s[p], row, args);
            y += 2 * args->y_step;
            if (++column == args->columns) {
                column = 0;
                y += 2 * args->y_row - 2 * args->columns * args->y_step;
            }
        }
    }
}
