"""Epilogues against oracles of their own in big integers; ties, range proofs, refusals, tilings."""

from fractions import Fraction

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.image.store import variants
from spinntensor.kernels import kernel
from spinntensor.kernels.quantize import (
    has_ties,
    multiplier,
    multipliers,
    ratio,
    round_half_even_shift,
    wide_multiplier,
)
from spinntensor.kernels.residual_add import has_ties as pair_has_ties
from spinntensor.machine.call import run

S32 = {
    "requantize_s32_u8_x16": np.uint8,
    "requantize_s32_s8_x16": np.int8,
    "requantize_s32_s16_x16": np.int16,
}
S64 = {"requantize_s64_u8": np.uint8, "requantize_s64_s8": np.int8, "requantize_s64_s16": np.int16}
RESIDUAL = {"residual_add_u8_x16": np.uint8, "residual_add_s8_x16": np.int8}


@pytest.fixture(scope="module")
def core():
    return Core(strict=True)


def on_core(name, operands, core):
    """The result of every variant, which must agree with each other."""
    results = [run(kernel(name), operands, variant, core).result for variant in variants(name)]
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)
    return results[0]


def rounded(numerator, shift):
    """Round half to even of numerator / 2**shift, by Python's own rounding of fractions."""
    return np.vectorize(lambda x: round(Fraction(int(x), 1 << shift)), otypes=[object])(numerator)


def requantized(c, bias, m, shift_up, shift_down, zp, low, high):
    c, bias, m = (np.asarray(x).astype(object) for x in (c, bias, m))
    x = (c + bias[:, None]) * m[:, None] * 2 ** np.asarray(shift_up).astype(object)[:, None]
    rows = [rounded(row, int(s)) for row, s in zip(x, shift_down, strict=True)]
    return np.clip(np.stack(rows) + zp, low, high).astype(np.int64)


def halves(dtype):
    """Numbers h for which h / 2 is a tie, or next to one, around and beyond the ends of the range."""
    info = np.iinfo(dtype)
    near = np.arange(-6, 7)
    ends = np.concatenate([near, info.max + near, info.min + near, info.max - info.min + near])
    return np.unique(np.concatenate([2 * ends + d for d in (0, 1, 2)]))


@pytest.mark.parametrize("name", S32)
@pytest.mark.parametrize("zp", [0, 1, 100])
@pytest.mark.parametrize("low", [None, 0, 3])
def test_ties_go_to_even(name, zp, low, core):
    info, h = np.iinfo(S32[name]), halves(S32[name])
    c = np.stack([h * 2, h * 8, -h * 2, h]).astype(np.int32)
    m, p = np.array([1 << 30, 1 << 28, 1 << 30, 1 << 30], np.int32), np.array([0, 0, 0, 1], np.int32)
    bias = np.array([0, 8, 2, -2], np.int32)
    low = info.min if low is None else low
    operands = {"c": c, "bias": bias, "m": m, "p": p, "zp": zp, "low": low}
    expected = requantized(c, bias, m, p, [32] * 4, zp, low, info.max)
    np.testing.assert_array_equal(kernel(name).twin(operands), expected)
    np.testing.assert_array_equal(on_core(name, operands, core), expected)


@pytest.mark.parametrize("name", S64)
@pytest.mark.parametrize("zp", [0, 1, 100])
def test_wide_ties_go_to_even(name, zp, core):
    info, h = np.iinfo(S64[name]), halves(S64[name])
    s = np.array([0, 1, 14, 31], np.int32)
    m = np.array([1 << 30, 1 << 29, 1 << 20, 1 << 30], np.int32)
    up = 31 + s - np.log2(m).astype(np.int64)  # c = h * 2**up makes c * m / 2**(32 + s) = h / 2
    top = (1 << 46) >> up
    c = np.stack([np.clip(h, -t, t) << u for t, u in zip(top, up, strict=True)])
    bias = np.array([0, 1, -1, 1]) << up
    operands = {"c": c, "bias": bias, "m": m, "s": s, "zp": zp, "low": max(info.min, -100)}
    expected = requantized(c, bias, m, [0] * 4, 32 + s, zp, max(info.min, -100), info.max)
    np.testing.assert_array_equal(kernel(name).twin(operands), expected)
    np.testing.assert_array_equal(on_core(name, operands, core), expected)


@pytest.mark.parametrize("name", [*S32, *S64, *RESIDUAL])
@pytest.mark.parametrize("extreme", [False, True])
def test_twin_is_the_formula(name, extreme):
    k, rng = kernel(name), np.random.default_rng(5)
    for _ in range(10):
        shape = {d: int(rng.integers(lo, hi + 1)) for d, (lo, hi) in k.dims.items()}
        o = k.sample(rng, shape, extreme)
        zp, low, high = o["zp"], o["low"], o["high"]
        if name in RESIDUAL:
            a, b = o["a"].astype(object) - o["za"], o["b"].astype(object) - o["zb"]
            expected = np.clip(rounded(a * o["ma"] + b * o["mb"], 20) + zp, low, high)
        else:
            zeros = np.zeros(len(o["m"]), np.int64)
            bias = zeros if o["bias"] is None else o["bias"]
            up = zeros if o.get("p") is None else o["p"]
            expected = requantized(o["c"], bias, o["m"], up, 32 + o.get("s", zeros), zp, low, high)
        np.testing.assert_array_equal(k.twin(o), expected.astype(np.int64))


@pytest.mark.parametrize("name", RESIDUAL)
@pytest.mark.parametrize("low", [None, 0, 5])
@pytest.mark.parametrize(
    "ma, mb, zp", [(1 << 19, 1 << 19, 0), (1 << 19, -(1 << 19), 3), (1_234_567, 98_765, 10)]
)
def test_residual_clamps_and_ties(name, low, ma, mb, zp, core):
    info = np.iinfo(RESIDUAL[name])
    every = np.arange(info.min, info.max + 1).astype(RESIDUAL[name])
    a, b = (
        np.concatenate([every, every, every[:3]]),
        np.concatenate([every[::-1], np.roll(every, 5), every[:3]]),
    )
    low = info.min if low is None else low
    operands = {"a": a, "b": b, "za": 1, "zb": 2, "ma": ma, "mb": mb, "zp": zp, "low": low, "high": 101}
    exact = rounded((a.astype(object) - 1) * ma + (b.astype(object) - 2) * mb, 20) + zp
    np.testing.assert_array_equal(on_core(name, operands, core), np.clip(exact, low, 101).astype(np.int64))


@pytest.mark.parametrize("name", [*S32, *S64])
def test_two_tilings_agree(name, core):
    k, rng = kernel(name), np.random.default_rng(9)
    plain = {d: 0 for d in k.dims} | {"m": 6, "n": 50}
    o = k.sample(rng, plain, False)
    whole = on_core(name, o, core)
    parts = [
        on_core(name, o | {"c": np.ascontiguousarray(o["c"][:, j])}, core)
        for j in (slice(0, 17), slice(17, 50))
    ]
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))
    planes = on_core(name, o | {"layout": {"channels_last": False, "gap": 3}, "gap": 1}, core)
    np.testing.assert_array_equal(whole, planes)


def test_paths_without_tests_for_ties_are_proved():
    # Odd multipliers have no ties; a power of two has them as soon as the sums reach far enough.
    for m in (1, 3, 5 << 20, 1 << 24, 7 << 28):
        for p in (0, 1, 4):
            first = next((x for x in range(1, 1 << 12) if x * m * 2**p % (1 << 32) == 1 << 31), None)
            for bound in (1, 127, 128, 4095):
                assert has_ties(m, p, bound) == (first is not None and first <= bound)
    a, b = np.meshgrid(np.arange(256), np.arange(256))
    for ma, mb, k in (
        (1 << 19, 1 << 19, 1 << 19),
        (1 << 20, 1 << 19, 3),
        (123_457, 98_765, 77),
        (13 << 12, 7 << 12, 0),
    ):
        assert pair_has_ties(np.uint8, ma, mb, k) == bool(((a * ma + b * mb + k) % (1 << 20) == 0).any())


def test_multipliers_are_nearest():
    rng = np.random.default_rng(3)
    for scale in [*(2.0 ** rng.uniform(-32, 28, 300)), 0.5, 0.25, 1.0, 2.0**-33, float(np.nextafter(0.5, 0))]:
        m, p = multiplier(scale)
        assert 1 <= m < 1 << 31 and (p == 0 or m >= 1 << 30)
        assert abs(Fraction(m) * Fraction(2) ** (p - 32) - Fraction(scale)) <= Fraction(2) ** (p - 33)
    for scale in 2.0 ** rng.uniform(-60, -1.001, 300):
        m, s = wide_multiplier(scale)
        assert 1 <= m < 1 << 31 and 0 <= s <= 31 and (s == 31 or m >= 1 << 30)
        assert abs(Fraction(m, 1 << 32 + s) - Fraction(scale)) <= Fraction(1, 1 << 33 + s)
    m, p = multipliers(np.array([0.25, 3.0], np.float32))
    assert m.tolist() == [1 << 30, 3 << 29] and p.tolist() == [0, 3]
    assert ratio(0.5) == 1 << 19 and ratio(Fraction(-1, 1 << 21)) == 0
    x = np.arange(-40, 41)
    assert round_half_even_shift(x, 3).tolist() == [round(Fraction(int(v), 8)) for v in x]


@pytest.mark.parametrize(
    "call, bad", [(multiplier, 0.0), (multiplier, 2.0**30), (wide_multiplier, 0.5), (ratio, 4.0)]
)
def test_scales_out_of_range(call, bad):
    with pytest.raises(OperandError, match=r"choose|requantise"):
        call(bad)


def test_range_proofs():
    c = np.full((2, 3), 1 << 30, np.int32)
    ones = np.ones(2, np.int32)
    with pytest.raises(RangeError, match=r"2\*\*p.*64 bits"):
        kernel("requantize_s32_u8_x16").lower({"c": c, "m": ones, "p": ones})
    with pytest.raises(RangeError) as caught:
        kernel("requantize_s32_u8_x16").lower({"c": c, "m": ones, "bias": np.array([0, 1 << 30], np.int32)})
    assert (caught.value.bound, caught.value.limit) == (1 << 31, (1 << 31) - 1)
    with pytest.raises(RangeError, match="declare a larger one"):
        kernel("requantize_s32_u8_x16").lower({"c": c, "m": ones, "bound": 5})
    wide = {"c": c.astype(np.int64) << 17, "m": ones, "s": ones}
    with pytest.raises(RangeError, match="fewer or narrower"):
        kernel("requantize_s64_s8").lower(wide)
    with pytest.raises(RangeError, match="larger scale"):
        kernel("requantize_s64_s8").lower(wide | {"c": c.astype(np.int64) << 8, "m": ones << 30})
    byte = np.zeros(5, np.uint8)
    with pytest.raises(RangeError, match="larger scale"):
        kernel("residual_add_u8_x16").lower(
            {"a": byte, "b": byte, "ma": (1 << 22) - 1, "mb": (1 << 22) - 1, "zp": 255}
        )
    with pytest.raises(RangeError, match="narrow one"):
        kernel("bias_add_s32_x8").lower({"c": c, "bias": c[:, 0]})


@pytest.mark.parametrize(
    "name, change, operand",
    [
        ("requantize_s32_u8_x16", {"m": np.zeros(2, np.int32)}, "m"),
        ("requantize_s32_u8_x16", {"c": np.zeros((2, 3), np.int64)}, "c"),
        ("requantize_s32_s8_x16", {"bias": np.zeros(3, np.int32)}, "bias"),
        ("requantize_s32_s8_x16", {"p": np.array([0, 31], np.int32)}, "p"),
        ("requantize_s32_u8_x16", {"zp": -1}, "zp"),
        ("requantize_s32_s16_x16", {"low": 4, "high": 3}, "high"),
        ("requantize_s32_s16_x16", {"gap": -1}, "gap"),
        ("requantize_s32_s16_x16", {"layout": {"gap": 1 << 20}}, "layout['gap']"),
    ],
)
def test_refusals_name_the_operand(name, change, operand):
    with pytest.raises(OperandError) as caught:
        kernel(name).lower({"c": np.zeros((2, 3), np.int32), "m": np.ones(2, np.int32)} | change)
    assert caught.value.operand == operand and caught.value.mend in str(caught.value)


def test_bias_and_clamp(core):
    c, bias = np.arange(-300, 300, dtype=np.int32).reshape(8, 75), np.arange(8, dtype=np.int32) * 1000
    np.testing.assert_array_equal(on_core("bias_add_s32_x8", {"c": c, "bias": bias}, core), c + bias[:, None])
    x = np.array([-(1 << 31), -5, 0, 5, (1 << 31) - 1] * 3, np.int32)
    got = on_core("clamp_s32_x8", {"x": x, "low": 0}, core)
    np.testing.assert_array_equal(got, np.maximum(x, 0))
