/* Plain C: log softmax of float32 rows: (x - max) - log(pairwise sum of exp(x - max)). */
#define F32_SUM __attribute__((noinline)) static
#include "abi.h"
#include "f32_softmax.h"

void f32_log_softmax_ref(const struct f32_softmax *args)
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
            y[j] = f32_add_of(x[j], max ^ F32_SIGN);
            f32_tree_take(&tree, f32_exp_of(y[j], table), j);
        }
        const uint32_t log = f32_log_of(f32_tree_sum(&tree), args->log_table);
        for (uint32_t j = 0; j < n; j++)
            y[j] = f32_counted(f32_add_of(y[j], log ^ F32_SIGN), x[j], x[j]);
    }
}
