"""float32 vector kernels against exact fractions and NumPy, bit for bit: special values, ties, subnormals, errors."""

import math
from fractions import Fraction

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels import kernel
from spinntensor.machine.call import run

F32 = np.float32
SPECIALS = np.array(
    [0, 1, 0x7FFFFF, 0x800000, 0x800001, 0x1000000, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x3FC00000, 0x4B7FFFFF]
    + [0x7F000000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC01234],
    np.uint32,
)  # fmt: skip
SPECIALS = np.concatenate([SPECIALS, SPECIALS | np.uint32(1 << 31)])


@pytest.fixture(scope="module")
def core():
    return Core(strict=True)


def called(core, name, **operands):
    return run(kernel(name), operands, core=core).result


def floats(bits):
    return np.ascontiguousarray(bits, np.uint32).view(F32)


def same_bits(got, expected):
    np.testing.assert_array_equal(got.view(np.uint32), np.asarray(expected, F32).view(np.uint32))


def one_nan(x):
    y = np.array(x, F32)
    y.view(np.uint32)[np.isnan(y)] = 0x7FC00000
    return y


def nearest(q: Fraction) -> float:
    """The float32 nearest to a fraction, ties to even; exponents by integers only."""
    if q == 0:
        return 0.0
    size = abs(q)
    top = size.numerator.bit_length() - size.denominator.bit_length()
    top -= size < Fraction(2) ** top  # 2^top <= size
    ulp = Fraction(2) ** max(top - 23, -149)
    value = round(size / ulp) * ulp
    value = math.inf if value >= Fraction(2) ** 128 else float(value)
    return math.copysign(value, q)


def pairs(rng, kind, n=1500):
    a, b = (rng.integers(0, 1 << 32, n, dtype=np.uint32) for _ in range(2))
    if kind == "special":
        a, b = (m.reshape(-1) for m in np.meshgrid(SPECIALS, SPECIALS))
    if kind == "near":  # cancellation, rounding carries
        b = (a ^ rng.integers(0, 2, n, dtype=np.uint32) << np.uint32(31)) + rng.integers(-9, 9, n).astype(
            np.uint32
        )
    if kind == "subnormal":
        a, b = a & np.uint32(0x80FFFFFF), b & np.uint32(0x83FFFFFF)
    if kind == "ties":  # few bits set
        a, b = a & np.uint32(0xBFF00001), b & np.uint32(0xBFF80000)
    return floats(a), floats(b)


KINDS = ["random", "special", "near", "subnormal", "ties"]
NUMPY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("op", NUMPY)
def test_arithmetic_is_that_of_numpy(core, rng, op, kind):
    a, b = pairs(rng, kind)
    with np.errstate(all="ignore"):
        same_bits(called(core, f"f32_{op}", a=a, b=b), one_nan(NUMPY[op](a, b)))


@pytest.mark.parametrize("kind", ["near", "subnormal", "ties"])
def test_arithmetic_is_the_nearest_of_the_exact_result(core, rng, kind):
    a, b = (x[np.isfinite(x)][:200] for x in pairs(rng, kind))
    a, b = a[: len(b)], b[: len(a)]
    exact = [(Fraction(float(x)), Fraction(float(y))) for x, y in zip(a, b, strict=True)]
    for op, of in (("add", lambda x, y: x + y), ("sub", lambda x, y: x - y), ("mul", lambda x, y: x * y)):
        got = called(core, f"f32_{op}", a=a, b=b)
        np.testing.assert_array_equal(got, np.array([nearest(of(x, y)) for x, y in exact], F32))
    divisor = b != 0
    expected = [nearest(x / y) for x, y in exact if y]
    np.testing.assert_array_equal(
        called(core, "f32_div", a=a[divisor], b=b[divisor]), np.array(expected, F32)
    )


def test_the_reciprocal_of_every_divisor_is_close_enough():
    divisor = np.arange(1 << 23, 1 << 24, dtype=np.uint64) << np.uint64(8)
    word, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    w = ((np.uint64(36 << 24) - divisor) & word) >> np.uint64(17)
    y = w * w * np.uint64(5) + np.uint64(122 << 24)  # the steps of f32_div.S
    for _ in range(2):
        assert y.max() <= word
        y = ((word - (divisor * y >> high)) * y >> high) << np.uint64(1)
    exact = 2.0**63 / divisor.astype(float)
    missing = (1 - y.astype(float) / exact) * 2**25
    assert missing.min() > 0 and missing.max() < 1 - 1 / 64


@pytest.mark.parametrize("kind", KINDS)
def test_square_root(core, rng, kind):
    x = np.concatenate([pairs(rng, kind)[0], np.arange(70, dtype=F32) ** 2])
    got = called(core, "f32_sqrt", x=x)
    with np.errstate(all="ignore"):
        same_bits(got, one_nan(np.sqrt(x)))
    for value, root in list(zip(x, got, strict=True))[:100]:
        if 0 < value < math.inf:  # no other float32 is nearer: the root's neighbours lie beyond half a step
            below, above = (Fraction(float(np.nextafter(root, F32(to)))) for to in (0, math.inf))
            middle = Fraction(float(root))
            assert ((below + middle) / 2) ** 2 <= Fraction(float(value)) <= ((above + middle) / 2) ** 2


@pytest.mark.parametrize("kind", KINDS)
def test_maximum_and_minimum(core, rng, kind):
    a, b = pairs(rng, kind)
    for name, of in (("f32_max", np.maximum), ("f32_min", np.minimum)):
        got, expected = called(core, name, a=a, b=b), of(a, b)
        np.testing.assert_array_equal(got, expected)
        zeros = (a == 0) & (b == 0)
        signs = np.signbit(a) & np.signbit(b) if of is np.maximum else np.signbit(a) | np.signbit(b)
        np.testing.assert_array_equal(np.signbit(got[zeros]), signs[zeros])
        assert set(got.view(np.uint32)[np.isnan(expected)]) <= {0x7FC00000}
    same_bits(called(core, "f32_relu", x=a), called(core, "f32_max", a=a, b=0.0))


def test_a_scalar_is_an_array_of_equal_elements(core, rng):
    a = rng.standard_normal((3, 7)).astype(F32)
    for op in ("add", "sub", "mul", "div", "max", "min"):
        got = called(core, f"f32_{op}", a=a, b=-0.3)
        same_bits(got, called(core, f"f32_{op}", a=a, b=np.full(a.shape, -0.3, F32)))
    same_bits(called(core, "f32_scal", x=a, alpha=-0.3), called(core, "f32_mul", a=a, b=-0.3))


@pytest.mark.parametrize("kind", KINDS)
def test_axpy_rounds_twice_and_ger_three_times(core, rng, kind):
    x, y = pairs(rng, kind)
    with np.errstate(all="ignore"):
        for alpha in (F32(0.1), F32(-3e38), F32(0)):
            got = called(core, "f32_axpy", x=x, y=y, alpha=float(alpha))
            same_bits(got, one_nan(np.add(np.multiply(alpha, x), y)))
        a, u, v = y[:35].reshape(5, 7), x[:5], x[5:12]
        expected = [[F32(F32(F32(F32(0.1) * p) * q) + c) for q, c in zip(v, row, strict=True)]
                    for p, row in zip(u, a, strict=True)]  # fmt: skip
        same_bits(called(core, "f32_ger", x=u, y=v, a=a, alpha=0.1), one_nan(np.array(expected, F32)))


def dot_of(a, b):
    """The rule of products in Python integers."""
    k = len(a)
    bits = min(30, (63 - math.ceil(math.log2(k))) // 2)

    def block(x):
        exact = [Fraction(float(v)) for v in x]
        largest = max(map(abs, exact))
        e = -200 if largest else 0
        while largest >= Fraction(2) ** e:
            e += 1
        return [round(v * Fraction(2) ** (bits - e)) for v in exact], e

    (p, ep), (q, eq) = block(a), block(b)
    assert max(map(abs, p + q)) <= 2**bits - 2 ** (bits - 24)
    total = sum(x * y for x, y in zip(p, q, strict=True))
    assert abs(total) < 1 << 63
    return nearest(total * Fraction(2) ** (ep + eq - 2 * bits))


@pytest.mark.parametrize("spread", [0, 3, 40, 100])
@pytest.mark.parametrize("k", [1, 2, 3, 31, 129])
def test_dot_is_exact_on_mantissas(core, rng, k, spread):
    for shift in (0, 60, -75, -140):
        scale = 2.0 ** (shift - rng.integers(0, spread + 1, k))
        with np.errstate(all="ignore"):
            a, b = (F32(rng.standard_normal(k) * scale) for _ in range(2))
        got = called(core, "f32_dot", a=a, b=b)[0]
        np.testing.assert_array_equal(got, F32(dot_of(a, b)))
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(called(core, "f32_nrm2", x=a)[0], np.sqrt(F32(dot_of(a, a))))


def test_dot_at_the_ends(core):
    for k in (1, 64, 65, 4096, 4097, 7000):
        a = np.full(k, np.nextafter(F32(1), F32(0)))
        np.testing.assert_array_equal(called(core, "f32_dot", a=a, b=-a)[0], F32(dot_of(a, -a)))
    tiny, huge = floats([1, 0, 3]), floats([0x7F7FFFFF, 1, 0x7F000000])
    np.testing.assert_array_equal(called(core, "f32_dot", a=tiny, b=huge)[0], F32(dot_of(tiny, huge)))
    assert called(core, "f32_dot", a=huge, b=huge)[0] == math.inf
    same_bits(called(core, "f32_dot", a=np.zeros(3, F32), b=huge), [0.0])
    for bad in (math.inf, -math.inf, math.nan):
        x = F32([1, bad, 2])
        same_bits(called(core, "f32_dot", a=x, b=np.zeros(3, F32)), one_nan([math.nan]))
        same_bits(called(core, "f32_nrm2", x=x), one_nan([math.nan]))


def tree(x):
    if len(x) == 1:
        return x[0]
    p = 1 << (len(x) - 1).bit_length() - 1
    return F32(tree(x[:p]) + tree(x[p:]))


@pytest.mark.parametrize("n", [*range(1, 20), 31, 33, 100])
def test_sums_follow_the_tree(core, rng, n):
    x = F32(rng.standard_normal((2, n)) * 2.0 ** rng.integers(-20, 20, (2, n)))
    same_bits(called(core, "f32_reduce_sum", x=x), [tree(row) for row in x])
    x[1, -1] = floats([0xFF801234])[0]
    assert called(core, "f32_reduce_sum", x=x).view(np.uint32)[1] == 0x7FC00000


@pytest.mark.parametrize("n", [1, 2, 5, 32])
def test_maxima_of_rows(core, rng, n):
    x = floats(rng.choice(SPECIALS, (60, n)))
    np.testing.assert_array_equal(called(core, "f32_reduce_argmax", x=x), np.argmax(x, axis=1))
    np.testing.assert_array_equal(called(core, "f32_iamax", x=x), np.argmax(np.abs(x), axis=1))
    np.testing.assert_array_equal(called(core, "f32_reduce_max", x=x), np.max(x, axis=1))
    negative = np.full((1, n), -0.0, F32)
    same_bits(called(core, "f32_reduce_max", x=negative), [-0.0])
    negative[0, -1] = 0.0
    same_bits(called(core, "f32_reduce_max", x=negative), [0.0])


@pytest.mark.parametrize("width", [8, 16, 32])
def test_conversion_to_integers(core, rng, width):
    low, high = -(1 << width - 1), (1 << width - 1) - 1
    near = np.array([low, high, 0, high // 3], float)[:, None] + np.arange(-3, 3.25, 0.25)
    wide = rng.standard_normal(400) * 2.0 ** rng.integers(-3, width + 3, 400)
    x = np.concatenate([F32(near).reshape(-1), F32(wide), floats(SPECIALS)])
    got = called(core, f"f32_to_s{width}", x=x)
    count = 0
    for value, integer in zip(x, got, strict=False):
        if np.isfinite(value):
            exact = round(Fraction(float(value)))
            count += not low <= exact <= high
            assert integer == min(max(exact, low), high)
        else:
            count += 1
            assert integer == (0 if np.isnan(value) else high if value > 0 else low)
    assert got[-1] == count


@pytest.mark.parametrize("width", [8, 16, 32])
def test_conversion_from_integers(core, rng, width):
    kind = np.dtype(f"int{width}")
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    ends = [low, low + 1, -1, 0, 1, high - 1, high]
    if width == 32:
        ends += [(1 << 24) + 1, (1 << 24) + 3, -(1 << 25) - 2, -(1 << 25) - 6, (1 << 31) - 64, (1 << 31) - 65]
    x = np.concatenate([np.array(ends, kind), rng.integers(low, high, 300, dtype=kind)])
    same_bits(called(core, f"f32_from_s{width}", x=x), [nearest(Fraction(int(v))) for v in x])


def test_zeros_cost_as_much_as_other_numbers(core, rng):
    x = F32(rng.standard_normal(64))

    def operands(op, a):
        return {"x": a, "alpha": 0.3} if op == "scal" else {"a": a, "b": x}

    for op in ("add", "sub", "mul", "scal", "max"):
        cycles = [run(kernel(f"f32_{op}"), operands(op, a), core=core).counters.cycles for a in (x, 0 * x)]
        assert cycles[1] == cycles[0]


def test_wrong_operands_are_named():
    x = np.ones(3, F32)
    with pytest.raises(OperandError, match="float32"):
        kernel("f32_add").lower({"a": np.ones(3), "b": x})
    with pytest.raises(OperandError, match="agree"):
        kernel("f32_mul").lower({"a": x, "b": np.ones(4, F32)})
    with pytest.raises(OperandError, match="a number"):
        kernel("f32_axpy").lower({"x": x, "y": x, "alpha": "2"})
    with pytest.raises(OperandError, match="empty"):
        kernel("f32_relu").lower({"x": np.ones(0, F32)})
    with pytest.raises(OperandError, match="int8"):
        kernel("f32_from_s8").lower({"x": x})
    with pytest.raises(RangeError, match="multiples of 8192"):
        kernel("f32_dot").lower({"a": np.ones(8193, F32), "b": np.ones(8193, F32)})
