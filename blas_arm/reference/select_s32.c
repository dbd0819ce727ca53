/* Plain C: the choice between two arrays of words by bytes. */
#include "abi.h"

void select_s32_ref(const struct select *args)
{
    const uint32_t a_step = args->a_step / 4, b_step = args->b_step / 4;
    for (uint32_t i = 0; i < args->count; i++)
        args->y[i] = args->condition[i] ? args->a[i * a_step] : args->b[i * b_step];
}
