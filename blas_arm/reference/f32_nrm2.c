/* Plain C: square root of the dot product of x with itself. */
#include "f32_ref.h"

void f32_nrm2_ref(const struct f32_nrm2 *args)
{
    *args->y = f32_sqrt(f32_dot(args->x, args->x, args->count, (int32_t)args->bits));
}
