/* Plain C: IEEE 754 single arithmetic on bits, round to nearest even, subnormals kept, one NaN; sums, products, quotients
 * and roots are counted where they overflow or are not valid. */
#ifndef F32_REF_H
#define F32_REF_H
#include "abi.h"
#include "f32_counted.h"

/* Calls within a kernel would need a linker. */
#define F32_INLINE static inline __attribute__((always_inline))
#define F32_SIGN 0x80000000u
#define F32_INF 0x7f800000u
#define F32_NAN 0x7fc00000u

/* m * 2^(e - 158), e being the exponent field where bit 31 of m is the leading one; the lowest bit is sticky. */
F32_INLINE uint32_t f32_rounded(uint32_t sign, int32_t e, uint32_t m)
{
    if (m == 0)
        return sign;
    const int32_t zeros = __builtin_clz(m);
    m <<= zeros;
    e -= zeros;
    if (e >= 255)
        return sign | F32_INF;
    if (e < 1) {
        const int32_t shift = 1 - e;
        m = shift > 31 ? 1 : m >> shift | (m << (32 - shift) != 0);
        e = 1;
    }
    uint32_t y = ((uint32_t)(e - 1) << 23) + (m >> 8);
    const uint32_t rest = m & 0xff;
    y += rest > 0x80 || (rest == 0x80 && (y & 1));
    return sign | y;
}

/* Exponent field, at least 1, and 24-bit significand of a finite number. */
F32_INLINE int32_t f32_split(uint32_t x, uint32_t *m)
{
    const int32_t e = x >> 23 & 0xff;
    *m = (x & 0x7fffff) | (e ? 0x800000 : 0);
    return e ? e : 1;
}

/* As f32_split, with the leading one of a number other than zero at bit 23. */
F32_INLINE int32_t f32_split_normal(uint32_t x, uint32_t *m)
{
    const int32_t e = f32_split(x, m), zeros = __builtin_clz(*m) - 8;
    *m <<= zeros;
    return e - zeros;
}

F32_INLINE uint32_t f32_add_bits(uint32_t a, uint32_t b)
{
    if ((a & ~F32_SIGN) < (b & ~F32_SIGN)) {
        const uint32_t t = a;
        a = b;
        b = t;
    }
    const uint32_t size = a & ~F32_SIGN;
    if (size >= F32_INF)
        return size > F32_INF || b == (a ^ F32_SIGN) ? F32_NAN : a;
    uint32_t ma, mb;
    const int32_t e = f32_split(a, &ma), shift = e - f32_split(b, &mb);
    ma <<= 7;
    mb <<= 7;
    mb = shift > 31 ? mb != 0 : shift ? mb >> shift | (mb << (32 - shift) != 0) : mb;
    if (((a ^ b) & F32_SIGN) == 0)
        return f32_rounded(a & F32_SIGN, e + 1, ma + mb);
    return ma == mb ? 0 : f32_rounded(a & F32_SIGN, e + 1, ma - mb);
}

F32_INLINE uint32_t f32_add(uint32_t a, uint32_t b)
{
    return f32_counted(f32_add_bits(a, b), a, b);
}

F32_INLINE uint32_t f32_mul_bits(uint32_t a, uint32_t b)
{
    const uint32_t sign = (a ^ b) & F32_SIGN, x = a & ~F32_SIGN, y = b & ~F32_SIGN;
    if (x >= F32_INF || y >= F32_INF)
        return x > F32_INF || y > F32_INF || x == 0 || y == 0 ? F32_NAN : sign | F32_INF;
    if (x == 0 || y == 0)
        return sign;
    uint32_t ma, mb;
    const int32_t e = f32_split_normal(a, &ma) + f32_split_normal(b, &mb) - 126;
    const uint64_t m = (uint64_t)(ma << 8) * (mb << 8);
    return f32_rounded(sign, e, (uint32_t)(m >> 32) | ((uint32_t)m != 0));
}

F32_INLINE uint32_t f32_mul(uint32_t a, uint32_t b)
{
    return f32_counted(f32_mul_bits(a, b), a, b);
}

F32_INLINE uint32_t f32_div_bits(uint32_t a, uint32_t b)
{
    const uint32_t sign = (a ^ b) & F32_SIGN, x = a & ~F32_SIGN, y = b & ~F32_SIGN;
    if (x > F32_INF || y > F32_INF || (x == y && (x == 0 || x == F32_INF)))
        return F32_NAN;
    if (x == F32_INF || y == 0)
        return sign | F32_INF;
    if (x == 0 || y == F32_INF)
        return sign;
    uint32_t ma, mb, q = 0;
    const int32_t e = f32_split_normal(a, &ma) - f32_split_normal(b, &mb) + 127;
    for (uint32_t bit = 1u << 25; bit; bit >>= 1) { /* 26 bits, the first one has the weight 1 */
        if (ma >= mb) {
            ma -= mb;
            q |= bit;
        }
        ma <<= 1;
    }
    return f32_rounded(sign, e, q << 6 | (ma != 0));
}

F32_INLINE uint32_t f32_div(uint32_t a, uint32_t b)
{
    return f32_counted(f32_div_bits(a, b), a, b);
}

F32_INLINE uint32_t f32_sqrt_bits(uint32_t x)
{
    if ((x & ~F32_SIGN) == 0)
        return x;
    if (x >= F32_INF)
        return x == F32_INF ? x : F32_NAN;
    uint32_t m, root = 0, rest = 0;
    int32_t e = f32_split_normal(x, &m) - 127;
    m <<= 8 - (e & 1 ? 0 : 1); /* 1 <= m / 2^30 < 4 */
    e >>= 1;
    for (uint32_t i = 0; i < 26; i++) { /* two bits of m for one of the root */
        rest = rest << 2 | m >> 30;
        m <<= 2;
        root <<= 1;
        if (rest > root << 1) {
            rest -= (root << 1) + 1;
            root++;
        }
    }
    return f32_rounded(0, e + 127, root << 6 | (rest != 0));
}

F32_INLINE uint32_t f32_sqrt(uint32_t x)
{
    return f32_counted(f32_sqrt_bits(x), x, x);
}

F32_INLINE uint32_t f32_canonical(uint32_t x)
{
    return (x & ~F32_SIGN) > F32_INF ? F32_NAN : x;
}

/* Order of numbers as order of integers, -0 below +0. */
F32_INLINE int32_t f32_key(uint32_t x)
{
    return (int32_t)(x ^ (uint32_t)((int32_t)x >> 31) >> 1);
}

F32_INLINE uint32_t f32_max(uint32_t a, uint32_t b)
{
    if ((a & ~F32_SIGN) > F32_INF || (b & ~F32_SIGN) > F32_INF)
        return F32_NAN;
    return f32_key(a) > f32_key(b) ? a : b;
}

F32_INLINE uint32_t f32_min(uint32_t a, uint32_t b)
{
    if ((a & ~F32_SIGN) > F32_INF || (b & ~F32_SIGN) > F32_INF)
        return F32_NAN;
    return f32_key(a) < f32_key(b) ? a : b;
}

/* Integer to float: the magnitude m * 2^(e - 158). */
F32_INLINE uint32_t f32_from_int(int32_t x)
{
    return f32_rounded(x < 0 ? F32_SIGN : 0, 158, x < 0 ? 0u - (uint32_t)x : (uint32_t)x);
}

/* Rounded half to even and clamped; NaN is 0. Clamped elements and NaN are counted. */
F32_INLINE int32_t f32_to_int(uint32_t x, int32_t low, int32_t high, uint32_t *saturated)
{
    const uint32_t size = x & ~F32_SIGN;
    const int32_t e = (int32_t)(size >> 23);
    if (size > F32_INF) {
        ++*saturated;
        return 0;
    }
    uint32_t m = x << 8 | F32_SIGN; /* m * 2^(e - 158) */
    if (e >= 159) {
        ++*saturated;
        return x & F32_SIGN ? low : high;
    }
    if (e < 126)
        return 0;
    if (e < 158) {
        const uint32_t shift = 158 - (uint32_t)e, rest = shift == 32 ? m : m << (32 - shift);
        m = shift == 32 ? 0 : m >> shift;
        m += rest > F32_SIGN || (rest == F32_SIGN && (m & 1));
    }
    const uint32_t most = x & F32_SIGN ? 0u - (uint32_t)low : (uint32_t)high;
    if (m > most) {
        ++*saturated;
        m = most;
    }
    return (int32_t)(x & F32_SIGN ? 0u - m : m);
}

/* The smallest e with |x| < 2^e for a number with these bits (sign dropped), 0 for 0. */
F32_INLINE int32_t f32_block_exponent(uint32_t size)
{
    if (size == 0)
        return 0;
    return size >> 23 ? (int32_t)(size >> 23) - 126 : 32 - __builtin_clz(size) - 149;
}

/* x * 2^(bits - e), rounded half to even. */
F32_INLINE int32_t f32_mantissa(uint32_t x, int32_t bits, int32_t e)
{
    uint32_t m;
    const int32_t shift = f32_split(x, &m) - 150 + bits - e;
    if (shift >= 0)
        m <<= shift;
    else if (shift < -24)
        m = 0;
    else {
        const uint32_t rest = m << (32 + shift);
        m >>= -shift;
        m += rest > F32_SIGN || (rest == F32_SIGN && (m & 1));
    }
    return (int32_t)(x & F32_SIGN ? 0u - m : m);
}

F32_INLINE uint32_t f32_largest(const uint32_t *x, uint32_t count)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t size = x[i] & ~F32_SIGN;
        largest = size > largest ? size : largest;
    }
    return largest;
}

F32_INLINE uint32_t f32_dot(const uint32_t *a, const uint32_t *b, uint32_t count, int32_t bits)
{
    const uint32_t la = f32_largest(a, count), lb = f32_largest(b, count);
    if (la >= F32_INF || lb >= F32_INF)
        return F32_NAN;
    const int32_t ea = f32_block_exponent(la), eb = f32_block_exponent(lb);
    int64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (int64_t)f32_mantissa(a[i], bits, ea) * f32_mantissa(b[i], bits, eb);
    const uint64_t size = sum < 0 ? -(uint64_t)sum : (uint64_t)sum;
    uint32_t high = (uint32_t)(size >> 32), low = (uint32_t)size;
    int32_t e = 190 + ea + eb - 2 * bits;
    if (high == 0) {
        high = low;
        low = 0;
        e -= 32;
    }
    if (high) {
        const int32_t zeros = __builtin_clz(high);
        if (zeros) {
            high = high << zeros | low >> (32 - zeros);
            low <<= zeros;
            e -= zeros;
        }
    }
    return f32_rounded(sum < 0 ? F32_SIGN : 0, e, high | (low != 0));
}

#endif
