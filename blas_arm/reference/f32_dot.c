/* Plain C: dot product over block floating point mantissas. */
#include "f32_ref.h"

void f32_dot_ref(const struct f32_dot *args)
{
    *args->y = f32_dot(args->a, args->b, args->count, (int32_t)args->bits);
}
