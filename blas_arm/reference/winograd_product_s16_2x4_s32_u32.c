/* Plain C: the same products and output transform on the same panels as the hand-written kernel. */
#include "winograd_product_ref.h"

void winograd_product_s16_2x4_s32_u32_ref(const struct winograd_product_s32 *args)
{
    for (uint32_t i = 0; i < args->m; i++) {
        uint32_t column = 0;
        int32_t *c = args->c + i * args->ldc;
        for (uint32_t j = 0; j < args->tiles; j++) {
            int32_t s[8];
            winograd_sums_2x4(args->u, args->v, args->pairs, i, j, s);
            for (uint32_t p = 0; p < 8; p++) {
                int32_t *at = c + p / 4 * args->c_row + p % 4;
                *at = (args->accumulate ? *at : 0) + s[p];
            }
            c += 4;
            if (++column == args->columns) {
                column = 0;
                c += 2 * args->c_row - 4 * args->columns;
            }
        }
    }
}
