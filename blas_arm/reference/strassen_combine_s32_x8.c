/* Plain C: four products of Strassen's algorithm, combined element by element. */
#include "abi.h"

void strassen_combine_s32_x8_ref(const struct strassen_combine *args)
{
    const int32_t *restrict c11 = args->c11;
    int32_t *restrict c12 = args->c12, *restrict c21 = args->c21, *restrict c22 = args->c22;
    for (uint32_t i = 0; i < args->count; i++) {
        const int32_t u2 = c11[i] + c12[i], u3 = u2 + c21[i], p5 = c22[i];
        c12[i] = u2 + p5;
        c21[i] = u3;
        c22[i] = u3 + p5;
    }
}
