/* Plain C: what float32 kernels count in CLAMPED: infinite results of finite operands, NaN of operands that are none. */
#ifndef F32_COUNTED_H
#define F32_COUNTED_H
#include <stdint.h>

#include "clamped.h"

/* y, which was made of a and b: patterns of float32. */
static inline __attribute__((always_inline)) uint32_t f32_counted(uint32_t y, uint32_t a, uint32_t b)
{
    const uint32_t infinity = 0xff000000u;
    if (y << 1 >= infinity) {
        const uint32_t larger = a << 1 > b << 1 ? a << 1 : b << 1;
        if (y << 1 == infinity)
            CLAMPED_NOW[0] += larger < infinity;
        else
            CLAMPED_NOW[1] += larger <= infinity;
    }
    return y;
}

#endif
