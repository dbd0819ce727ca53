/* Plain C: exp, log, tanh and sigmoid of float32 patterns in integer arithmetic, and the IEEE operations of softmax. */
#ifndef SPINNTENSOR_F32_MATH_H
#define SPINNTENSOR_F32_MATH_H
#include <stdint.h>

/* A kernel is one piece of movable code: calls would refer to other symbols. */
#define F32_INLINE static inline __attribute__((always_inline))

#define F32_NAN 0x7fc00000u
#define F32_INF 0x7f800000u
#define F32_SIGN 0x80000000u
#define F32_ONE 0x3f800000u

F32_INLINE uint32_t f32_high(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b >> 32);
}

F32_INLINE int32_t f32_high_signed(int32_t a, int32_t b)
{
    return (int32_t)((int64_t)a * b >> 32);
}

F32_INLINE uint32_t f32_right(uint32_t a, uint32_t s)
{
    return s < 32 ? a >> s : 0;
}

/* exp(+-|x|) = y 2^(n-30); a is the pattern of |x| < 128, flip all ones for minus. */
F32_INLINE uint32_t f32_exp_parts(uint32_t a, uint32_t flip, const uint32_t *table, int32_t *n)
{
    const uint32_t e = a >> 23, m = a << 8 | F32_SIGN;
    const int32_t k = (int32_t)(f32_right(f32_high(m, 3098164009u), 151 - e) ^ flip);
    const uint32_t fixed = (e >= 126 ? m << (e - 126) : f32_right(m, 126 - e)) ^ flip;
    const int32_t r = (int32_t)(fixed - (uint32_t)k * 46516320u + (uint32_t)(k * 8377 >> 16));
    const uint32_t q = F32_SIGN + (uint32_t)((int64_t)r * 10923 >> 16);
    const int32_t p = r + (int32_t)f32_high((uint32_t)f32_high_signed(r, r), q);
    const int32_t t = (int32_t)table[k & 63];
    *n = k >> 6;
    return (uint32_t)(t + f32_high_signed(t, p));
}

F32_INLINE uint32_t f32_exp_of(uint32_t x, const uint32_t *table)
{
    const uint32_t a = x & ~F32_SIGN;
    if (a > F32_INF)
        return F32_NAN;
    if (a >= 0x42d00000u)
        return x & F32_SIGN ? 0 : F32_INF;
    int32_t n;
    const uint32_t y = f32_exp_parts(a, (uint32_t)((int32_t)x >> 31), table, &n);
    if (n > 127)
        return F32_INF;
    if (n < -126)
        return ((y >> (-120 - n)) + 1) >> 1;
    return ((uint32_t)(n + 126) << 23) + (y >> 7) + (y >> 6 & 1);
}

F32_INLINE uint32_t f32_log_of(uint32_t x, const uint32_t *table)
{
    if ((x & ~F32_SIGN) == 0)
        return F32_INF | F32_SIGN;
    if (x > F32_INF)
        return F32_NAN;
    if (x == F32_INF)
        return x;
    if (x == F32_ONE)
        return 0;
    int32_t e = 0;
    if (x < 1u << 23) {
        const int s = __builtin_clz(x) - 8;
        x <<= s;
        e = -s;
    }
    e += (int32_t)(x >> 23);
    const uint32_t *entry = table + 4 * (x >> 16 & 127);
    const int32_t z = (int32_t)(((x & 0x7fffff) | 0x800000) * entry[0]);
    const int32_t q = 0x40000000 - (int32_t)((int64_t)z * (10923 - (z >> 19)) >> 16);
    const int64_t p = (int64_t)z * ((int64_t)1 << 31) - (int64_t)z * f32_high_signed(z, q);
    const int64_t offset = (int64_t)((uint64_t)entry[2] << 32 | entry[1]);
    const int64_t v = offset + (int64_t)((uint64_t)((int64_t)e * 0xb17217f8u) << 24) + (p >> 7);
    const uint64_t w = (uint64_t)(v ^ v >> 63);
    const int s = __builtin_clz((uint32_t)(w >> 32));
    const uint32_t y = (uint32_t)(w << s >> 32);
    return ((uint32_t)(v >> 63) & F32_SIGN) + ((uint32_t)(133 - s) << 23) + (y >> 8) + (y >> 7 & 1);
}

F32_INLINE uint32_t f32_tanh_of(uint32_t x, const uint32_t *table)
{
    const uint32_t a = x & ~F32_SIGN, sign = x & F32_SIGN;
    if (a > F32_INF)
        return F32_NAN;
    if (a < 0x39800000u)
        return x;
    if (a >= 0x41180000u)
        return sign | F32_ONE;
    const uint32_t *entry = table + 4 * ((a - 0x39800000u) >> 19);
    const int32_t d = 0x7fffffff - (int32_t)((a & 0x7ffff) << 12), c3 = (int32_t)entry[3];
    int32_t q = c3 + (int32_t)((int64_t)d * (int16_t)c3 >> 16);
    q = (int32_t)entry[2] + (f32_high_signed(d, q) >> 3);
    q = (int32_t)entry[1] + (f32_high_signed(d, q) >> 4);
    uint32_t v = entry[0] + (uint32_t)(f32_high_signed(d, q) >> 3);
    uint32_t e = a >> 23 < 126 ? a >> 23 : 126;
    if (v < 1u << 30) {
        v <<= 1;
        e--;
    }
    return sign + ((e - 1) << 23) + (v >> 7) + (v >> 6 & 1);
}

F32_INLINE uint32_t f32_sigmoid_of(uint32_t x, const uint32_t *table)
{
    const uint32_t a = x & ~F32_SIGN;
    if (a > F32_INF)
        return F32_NAN;
    if (a > 0x42ae0000u)
        return x & F32_SIGN ? f32_exp_of(x, table) : F32_ONE;
    int32_t n;
    uint32_t y = f32_exp_parts(a, ~0u, table, &n);
    const uint32_t d = F32_SIGN + f32_right(y, (uint32_t)(-1 - n)), g = table[64 + (d >> 24 & 127)];
    const uint32_t h = f32_high(d, g);
    const int32_t u = (int32_t)(F32_SIGN - h);
    const uint32_t s = -h + f32_high(-h, (uint32_t)f32_high_signed(u, 4 * u));
    const uint32_t reciprocal = f32_high(g, s);
    if (!(x & F32_SIGN)) {
        y = 1u << 30;
        n = 0;
    }
    uint32_t v = n == -1 ? F32_SIGN - reciprocal : f32_high(y << 1, reciprocal);
    if (v < 1u << 30) {
        v <<= 1;
        n--;
    }
    return ((uint32_t)(n + 126) << 23) + (v >> 7) + (v >> 6 & 1);
}
#endif
