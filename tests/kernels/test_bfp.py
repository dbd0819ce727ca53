"""bfp16 kernels against exact fractions; ends of ranges, counts, refusals, two tilings of one product."""

from fractions import Fraction

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.formats import Quantized, bfp16_grid, dequantize, quantize
from spinntensor.image.store import variants
from spinntensor.kernels import bfp16_tile, kernel
from spinntensor.kernels.bfp16_round13_outer_u32 import largest_for, round13, shift_for
from spinntensor.kernels.bfp16_tile import Bfp16Tile
from spinntensor.kernels.pack_outer import pack_a, pack_b
from spinntensor.machine.call import run
from spinntensor.machine.tile import run_tile


@pytest.fixture(scope="module")
def core():
    return Core(strict=True)


def everywhere(name, operands, core):
    """The result of the twin, which every variant must give."""
    expected = kernel(name).twin(operands)
    for variant in variants(name):
        np.testing.assert_array_equal(
            run(kernel(name), operands, variant, core).result, expected, err_msg=variant
        )
    return expected.tolist()


def clamped(values):
    """Exact fractions rounded half to even and clamped, then the number that was clamped."""
    whole = [round(v) for v in values]
    inside = [min(max(v, -32768), 32767) for v in whole]
    return [*inside, sum(a != b for a, b in zip(whole, inside, strict=True))]


def singles(e):
    """Float32 numbers around every kind of tie and end of mantissas with exponent e, and all powers of two."""
    at = np.array([0.5, 1, 1.5, 2.5, 3.5, 32766.5, 32767, 32767.5, 32768, 32768.5, 32769, 65535, 1e9])
    x = np.ldexp(at, e).astype(np.float32)
    x = np.concatenate([x, np.nextafter(x, np.float32(0)), np.nextafter(x, np.float32(np.inf))])
    powers = np.ldexp(np.float32(1), np.arange(-149, 128)).astype(np.float32)
    x = np.concatenate([x, powers, [0, np.finfo(np.float32).max]]).astype(np.float32)
    return np.concatenate([x[np.isfinite(x)], -x[np.isfinite(x)]])


@pytest.mark.parametrize("e", [-125, -124, -110, -15, 0, 3, 96, 97])
def test_from_f32(e, core):
    x = singles(e)
    exact = [Fraction(float(v)) / Fraction(2) ** e for v in x]
    lost = sum(round(v) == 0 and v != 0 for v in exact)
    assert everywhere("bfp16_from_f32", {"x": x, "exponent": e}, core) == [*clamped(exact), lost]
    value, loss = quantize(x, bfp16_grid(e))
    got = [*value.data.tolist(), loss.saturated, loss.lost]
    assert got == [*clamped(exact), lost]


def test_from_f32_clamps_what_is_not_a_number(core):
    bits = np.array([0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00001, 0x80000000, 1], np.uint32)
    got = everywhere("bfp16_from_f32", {"x": bits.view(np.float32), "exponent": 97}, core)
    assert got == [32767, -32768, 32767, -32768, 0, 0, 4, 1]


@pytest.mark.parametrize("e", [-125, 0, 97])
def test_to_f32_is_exact(e, core):
    x = np.concatenate([np.arange(-300, 301), np.arange(-32768, 32767, 97), [32767]]).astype(np.int16)
    bits = everywhere("bfp16_to_f32", {"x": x, "exponent": e}, core)
    y = np.array(bits, np.uint32).view(np.float32)
    assert [Fraction(float(v)) for v in y] == [Fraction(int(q)) * Fraction(2) ** e for q in x]
    np.testing.assert_array_equal(dequantize(Quantized(bfp16_grid(e), x)).view(np.uint32), bits)


HALVES = np.array([-32768, -32767, -3, -2, -1, 0, 1, 2, 3, 5, 6, 7, 9, 16384, 32766, 32767], np.int16)


@pytest.mark.parametrize("shift", [0, 1, 2, 15, 16, 31])
@pytest.mark.parametrize("a, b", [(1, 1), (32767, 32767), (-32767, 32767), (3, -1), (1, 0)])
def test_axpy_and_scal(a, b, shift, core):
    x, y = (v.reshape(-1).copy() for v in np.meshgrid(HALVES, HALVES))
    exact = [Fraction(a * int(p) + b * int(q), 1 << shift) for p, q in zip(x, y, strict=True)]
    operands = {"x": x, "y": y, "a": a, "b": b, "shift": shift}
    assert everywhere("bfp16_axpy", operands, core) == clamped(exact)
    exact = [Fraction(a * int(p), 1 << shift) for p in HALVES]
    assert everywhere("bfp16_scal", {"x": HALVES, "a": a, "shift": shift}, core) == clamped(exact)


@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33, 4001])
def test_dot_of_the_largest(n, core):
    x = np.full(n, -32768, np.int16)
    assert everywhere("bfp16_dot", {"x": x, "y": x}, core) == [n << 30]
    assert everywhere("bfp16_dot", {"x": x, "y": np.full(n, 32767, np.int16)}, core) == [-n * 32768 * 32767]


@pytest.mark.parametrize("transposed", [False, True])
def test_narrow(transposed, core):
    shift = np.array([0, 1, 2, 16, 31], np.int32)
    h = np.array([-65539, -65537, -65536, -65535, -5, -3, -2, -1, 0, 1, 3, 5, 65533, 65534, 65535, 65537])
    c = np.stack([(h << s.astype(np.int64)) >> 1 for s in shift])
    c = np.concatenate([c, c + 1, c - 1], axis=1)
    exact = [Fraction(int(v), 1 << int(s)) for row, s in zip(c, shift, strict=True) for v in row]
    operands = {"c": c, "shift": shift, "transposed": transposed}
    assert everywhere("bfp16_narrow_s64", operands, core) == clamped(exact)


@pytest.mark.parametrize("shift", range(5))
@pytest.mark.parametrize("side", "ab")
def test_round13_of_every_value(shift, side, core):
    top = largest_for(shift)
    x = np.arange(-top, min(top, 32767) + 1, dtype=np.int16)
    x = np.resize(np.concatenate([x[:900], x[-900:], x[len(x) // 2 - 100 :][:200]]), (5, 401))
    expected = np.array([[round(Fraction(int(v), 1 << shift)) for v in row] for row in x], np.int16)
    assert np.abs(expected).max() == (2048 if shift == 4 else 4095)
    np.testing.assert_array_equal(round13(x, shift), expected)
    expected = np.concatenate([expected, expected[-1:]])
    words = pack_a(expected, fold=2).reshape(-1) if side == "a" else pack_b(np.ascontiguousarray(expected.T))
    got = everywhere("bfp16_round13_outer_u32", {"x": x, "shift": shift, "side": side}, core)
    assert got == words.tolist()


def test_the_shift_to_13_bits_is_the_smallest():
    for top in (0, 1, 4095, 4096, 8190, 8191, 16381, 16382, 32763, 32764, 32767, 32768):
        s = shift_for(top)
        assert round(Fraction(top, 1 << s)) <= 4095
        assert s == 0 or round(Fraction(top, 1 << s - 1)) > 4095
        assert top <= largest_for(s) and (s == 0 or top > largest_for(s - 1))


def oracle(operands, k):
    """The product in Python integers."""
    exact = []
    for row in operands["b"]:
        for i, a in enumerate(operands["a"]):
            left = [round(Fraction(int(v), 1 << operands["a_shift"])) for v in a]
            right = [round(Fraction(int(v), 1 << operands["b_shift"])) for v in row]
            e = int(operands["a_exponent"][i]) + operands["b_exponent"] - operands["exponent"]
            e += operands["a_shift"] + operands["b_shift"]
            exact.append(sum(p * q for p, q in zip(left, right, strict=True)) * Fraction(2) ** e)
    return clamped(exact)


@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("sizes", [(7, 5, 130), (3, 4, 257), (1, 1, 1)])
def test_tilings_agree(sizes, extreme, core, rng):
    m, n, k = sizes
    operands = bfp16_tile.sample(rng, {"m": m, "n": n, "k": k}, extreme)
    expected = oracle(operands, k)
    for group, prepared in ((1, 0), (2, 0), (1, 1), (5, 1)):
        tile = Bfp16Tile(m, n, k, group, prepared)
        assert bfp16_tile.twin(tile, operands).tolist() == expected
        assert bfp16_tile.result(run_tile(core, bfp16_tile.build(tile, operands)).stored).tolist() == expected
    if n > 1:  # columns apart: shifts belong to the whole tensor
        parts = [
            bfp16_tile.twin(Bfp16Tile(m, len(b), k), {**operands, "b": b})
            for b in (operands["b"][:2], operands["b"][2:])
        ]
        assert [v for p in parts for v in p[:-1].tolist()] == expected[:-1]


X = np.ones(4, np.int16)


@pytest.mark.parametrize(
    "name, operands, wanted",
    [
        ("bfp16_from_f32", {"x": np.ones(2, np.float32), "exponent": 98}, "an integer from -125 to 97"),
        ("bfp16_from_f32", {"x": np.ones(2), "exponent": 0}, "received float64"),
        ("bfp16_to_f32", {"x": X, "exponent": -126}, "an integer from -125 to 97"),
        ("bfp16_axpy", {"x": X, "y": X[:3], "a": 1, "b": 1, "shift": 0}, "size 4 on axis 0"),
        ("bfp16_axpy", {"x": X, "y": X, "a": 1, "b": -32768, "shift": 0}, "from -32767 to 32767"),
        ("bfp16_scal", {"x": X, "a": 1, "shift": 32}, "from 0 to 31"),
        ("bfp16_dot", {"x": X[:0], "y": X[:0]}, "no empty axis"),
        ("bfp16_narrow_s64", {"c": np.ones((2, 2), np.int64), "shift": np.zeros(1, np.int32)}, "size 2"),
        ("bfp16_round13_outer_u32", {"x": X[None], "shift": 5, "side": "a"}, "from 0 to 4"),
        ("bfp16_round13_outer_u32", {"x": X[None], "shift": 0, "side": "c"}, "side"),
    ],
)
def test_bad_operands_are_refused(name, operands, wanted):
    with pytest.raises(OperandError, match=wanted):
        kernel(name).lower(operands)


def test_range_proofs():
    c = np.full((2, 2), 1 << 40)
    with pytest.raises(RangeError, match="choose a larger exponent"):
        kernel("bfp16_narrow_s64").lower({"c": c, "shift": np.array([31, 10], np.int32)})
    with pytest.raises(RangeError, match="shift by 1, that of"):
        kernel("bfp16_round13_outer_u32").lower(
            {"x": np.full((1, 4), 4096, np.int16), "shift": 0, "side": "a"}
        )
    with pytest.raises(OperandError, match="nearer to that of the products"):
        shape = {"m": 2, "n": 2, "k": 4}
        operands = bfp16_tile.sample(np.random.default_rng(0), shape, False)
        bfp16_tile.build(Bfp16Tile(**shape), {**operands, "exponent": operands["exponent"] + 40})
