/* Plain C: the step of each element by halving the table, then the counts. */
#include "f32_ref.h"

void f32_quantize_8_ref(const struct f32_quantize *args)
{
    const uint32_t *restrict x = args->x;
    const int32_t *restrict table = args->table;
    uint32_t clamped = 0, lost = 0, strange = 0;
    for (uint32_t i = 0; i < args->count; i++) {
        const int32_t key = f32_key(x[i]);
        const uint32_t size = x[i] & ~F32_SIGN;
        uint32_t step = 0;
        for (uint32_t half = 128; half; half >>= 1)
            if (key >= table[step + half])
                step += half;
        args->y[i] = (uint8_t)(step + (uint32_t)args->first);
        strange += size >= F32_INF;
        clamped += size < F32_INF && (key < table[0] || key >= table[256]);
        lost += step == args->zero && size != 0 && key >= table[0] && key < table[256];
    }
    args->counts[0] = clamped;
    args->counts[1] = lost;
    args->counts[2] = strange;
}
