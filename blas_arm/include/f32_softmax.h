/* Plain C: the IEEE operations that softmax needs, on float32 patterns, and the sums of its rows. */
#ifndef SPINNTENSOR_F32_SOFTMAX_H
#define SPINNTENSOR_F32_SOFTMAX_H
#include "f32_counted.h"
#include "f32_math.h"

/* A kernel that has more use for room than for speed says before that its code for sums is to stand there once. */
#ifndef F32_SUM
#define F32_SUM F32_INLINE
#endif

/* a + b, rounded to nearest even; no operand is NaN or +inf. */
F32_SUM uint32_t f32_add_of(uint32_t a, uint32_t b)
{
    if (a << 1 < b << 1) {
        const uint32_t t = a;
        a = b;
        b = t;
    }
    const uint32_t sign = a & F32_SIGN, eb = b >> 23 & 255;
    uint32_t ea = a >> 23 & 255;
    if (ea == 255)
        return a;
    uint32_t ma = (a & 0x7fffff) << 3, mb = (b & 0x7fffff) << 3;
    ma |= ea ? 1u << 26 : 0;
    mb |= eb ? 1u << 26 : 0;
    ea += !ea;
    const uint32_t shift = ea - eb - !eb;
    const uint32_t kept = f32_right(mb, shift);
    mb = kept | (shift >= 32 ? mb != 0 : kept << shift != mb);
    uint32_t m;
    if ((int32_t)(a ^ b) >= 0) {
        m = ma + mb;
        if (m >> 27) {
            m = m >> 1 | (m & 1);
            ea++;
        }
    } else {
        m = ma - mb;
        if (m == 0)
            return 0;
        const uint32_t up = (uint32_t)__builtin_clz(m) - 5, least = ea - 1;
        const uint32_t s = up < least ? up : least;
        m <<= s;
        ea -= s;
    }
    const uint32_t low = m & 7;
    m >>= 3;
    m += low > 4 || (low == 4 && (m & 1));
    const uint32_t r = ((ea - 1) << 23) + m;
    return sign | (m < 1u << 23 ? m : r < F32_INF ? r : F32_INF);
}

/* floor(2^54 / m), m from 2^23 to 2^24 - 1. */
F32_INLINE uint32_t f32_reciprocal(uint32_t m)
{
    uint32_t rest = 1u << 23, quotient = 0;
    for (uint32_t bit = 0; bit < 32; bit++) {
        quotient <<= 1;
        if (rest >= m) {
            rest -= m;
            quotient |= 1;
        }
        rest <<= 1;
    }
    return quotient;
}

/* a / s rounded to nearest even: a from 0 to 1; s normal and at least 1, of mantissa m and exponent field e. */
F32_INLINE uint32_t f32_quotient(uint32_t a, uint32_t m, int32_t e, uint32_t reciprocal)
{
    if (a == 0)
        return 0;
    int32_t ex = (int32_t)(a >> 23);
    uint32_t ma = a & 0x7fffff;
    if (ex)
        ma |= 1u << 23;
    else {
        const int s = __builtin_clz(ma) - 8;
        ma <<= s;
        ex = 1 - s;
    }
    uint32_t q = (uint32_t)((uint64_t)ma * reciprocal >> 29), rest = (ma << 25) - q * m;
    if (rest >= m) {
        rest -= m;
        q++;
    }
    ex += 127 - e;
    if (q < 1u << 25) {
        q <<= 1;
        if (rest << 1 >= m)
            q |= 1, rest = (rest << 1) - m;
        ex--;
    }
    q = q << 1 | (rest != 0);
    const uint32_t shift = ex >= 1 ? 3 : ex < -26 ? 31 : (uint32_t)(4 - ex);
    const uint32_t low = q << (32 - shift), r = q >> shift;
    const uint32_t up = low > F32_SIGN || (low == F32_SIGN && (r & 1));
    return r + up + (ex >= 1 ? (uint32_t)(ex - 1) << 23 : 0);
}

/* The largest of a row (-0 < +0), or NaN where the row's softmax is NaN: with a NaN, a +inf, or nothing but -inf.
 * The last two are counted, a result each. */
F32_INLINE uint32_t f32_row_max(const uint32_t *restrict x, uint32_t n)
{
    int32_t top = (int32_t)F32_SIGN;
    uint32_t nan = 0;
    for (uint32_t j = 0; j < n; j++) {
        const int32_t key = (int32_t)(x[j] ^ ((uint32_t)((int32_t)x[j] >> 31) >> 1));
        nan |= (x[j] & ~F32_SIGN) > F32_INF;
        top = key > top ? key : top;
    }
    const uint32_t max = (uint32_t)top ^ ((uint32_t)(top >> 31) >> 1);
    if (!nan && (max & ~F32_SIGN) < F32_INF)
        return max;
    CLAMPED_NOW[1] += nan ? 0 : n;
    return F32_NAN;
}

/* Pairwise sums: after j + 1 terms the stack holds one sum for each bit set in j + 1, the largest block first. */
struct f32_tree {
    uint32_t sums[17], top;
};

F32_INLINE void f32_tree_take(struct f32_tree *tree, uint32_t term, uint32_t j)
{
    for (; j & 1; j >>= 1)
        term = f32_add_of(tree->sums[--tree->top], term);
    tree->sums[tree->top++] = term;
}

F32_INLINE uint32_t f32_tree_sum(struct f32_tree *tree)
{
    uint32_t sum = tree->sums[--tree->top];
    while (tree->top)
        sum = f32_add_of(tree->sums[--tree->top], sum);
    return sum;
}
#endif
