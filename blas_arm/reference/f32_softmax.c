/* Plain C: softmax of float32 rows: exp(x - max), pairwise sum, division. */
#include "abi.h"
#include "f32_softmax.h"

void f32_softmax_ref(const struct f32_softmax *args)
{
    const uint32_t n = args->columns, *restrict x = args->x, *restrict table = args->exp_table;
    uint32_t *restrict y = args->y;
    for (uint32_t i = 0; i < args->rows; i++, x += n, y += n) {
        const uint32_t max = f32_row_max(x, n);
        if (max == F32_NAN) {
            for (uint32_t j = 0; j < n; j++)
                y[j] = F32_NAN;
            continue;
        }
        struct f32_tree tree;
        tree.top = 0;
        for (uint32_t j = 0; j < n; j++) {
            y[j] = f32_exp_of(f32_add_of(x[j], max ^ F32_SIGN), table);
            f32_tree_take(&tree, y[j], j);
        }
        const uint32_t sum = f32_tree_sum(&tree), m = (sum & 0x7fffff) | 0x800000;
        const uint32_t reciprocal = f32_reciprocal(m);
        for (uint32_t j = 0; j < n; j++)
            y[j] = f32_quotient(y[j], m, (int32_t)(sum >> 23), reciprocal);
    }
}
