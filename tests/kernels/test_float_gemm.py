"""Block floating point products: against exact rationals, special values, counts, proofs, messages, tilings."""

from fractions import Fraction

import numpy as np
import pytest

from spinntensor.abi.float_gemm import NONFINITE
from spinntensor.emulator.core import Core
from spinntensor.errors import DTCMError, OperandError, RangeError
from spinntensor.image.store import variants
from spinntensor.kernels import block_float, gemm_f32_tile, kernel
from spinntensor.kernels.gemm_f32_tile import GemmTile
from spinntensor.machine.call import run
from spinntensor.machine.tile import run_tile

TOP = kernel("convert_f32_top")
PANEL = kernel("convert_f32_panel")
GEMM = kernel("gemm_f32_2x2_u64")
GEMV = kernel("gemv_f32_4_u32")
RESULT = kernel("convert_f32_result")
LARGEST = float(np.finfo(np.float32).max)


@pytest.fixture(scope="module")
def core():
    return Core(strict=True)


def as_float32(x):
    """The float32 bits of a rational, rounded once to nearest even."""
    sign, x = (1 << 31, -x) if x < 0 else (0, x)
    if not x:
        return 0
    e = -149
    while x >= Fraction(2) ** (e + 24):
        e += 1
    q = round(x / Fraction(2) ** e)  # half to even
    if q >> 24:
        q, e = q >> 1, e + 1
    if e > 104:
        return sign | 0x7F800000
    return sign | (q if q < 1 << 23 else (e + 150 << 23) + q - (1 << 23))


def block_row(row, bits):
    """(e, mantissas) of finite float32 values, by the definition and in rationals."""
    values, e = [Fraction(float(x)) for x in row], -148
    if not any(values):
        return 0, [0] * len(values)
    while not all(abs(x) < Fraction(2) ** e for x in values):
        e += 1
    return e, [round(x * Fraction(2) ** (bits - e)) for x in values]


def exact(a, b):
    """The bits of A B for K up to 8192, in rationals."""
    bits = min(30, (63 - (a.shape[1] - 1).bit_length()) // 2)
    out = np.empty((len(a), b.shape[1]), np.uint32)
    rows, columns = ([block_row(r, bits) if np.isfinite(r).all() else None for r in x] for x in (a, b.T))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if row is None or column is None:
                out[i, j] = 0x7FC00000
                continue
            s = sum(p * q for p, q in zip(row[1], column[1], strict=True))
            out[i, j] = as_float32(s * Fraction(2) ** (row[0] + column[0] - 2 * bits))
    return out


def on_tile(core, a, b, **cut):
    tile = gemm_f32_tile.build(GemmTile(len(a), b.shape[1], a.shape[1], **cut), {"a": a, "b": b})
    stored = run_tile(core, tile).stored
    return gemm_f32_tile.result(stored).view(np.uint32), stored["counts"].tolist()


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 8), (3, 5, 9), (5, 3, 70), (4, 4, 129)])
@pytest.mark.parametrize("extreme", [False, True])
def test_tile_is_exact(core, rng, shape, extreme):
    m, n, k = shape
    for _ in range(4):
        operands = gemm_f32_tile.sample(rng, {"m": m, "n": n, "k": k}, extreme)
        expected = exact(operands["a"], operands["b"])
        got, counts = on_tile(core, **operands)
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(gemm_f32_tile.twin(operands).view(np.uint32), expected)
        lines = (*operands["a"], *operands["b"].T)
        assert counts == [sum(not np.isfinite(x).all() for x in lines), ((got << 1) == 0xFF000000).sum()]


def test_result_does_not_depend_on_the_cut(core, rng):
    operands = gemm_f32_tile.sample(rng, {"m": 7, "n": 9, "k": 75}, True)
    whole = on_tile(core, **operands)
    for cut in ({"group": 2}, {"group": 4, "chunk": 16}, {"chunk": 74}, {"group": 64, "chunk": 1}):
        got = on_tile(core, **operands, **cut)
        np.testing.assert_array_equal(got[0], whole[0])
        assert got[1] == whole[1]


def test_mantissas_and_exponents_of_rows(core, rng):
    tiny, huge = 2.0**-149, LARGEST
    rows = [
        [tiny, -tiny, 0, 3 * tiny],
        [2.0**-126, tiny, 2.0**-127, -0.0],
        [huge, -huge, tiny, 1],
        [2.0**-96, 2.0**-122, 2.0**-123, -(2.0**-123) * 1.5],
        [1, 2.0**-7 * (1 + 2.0**-23), -(2.0**-7) * (1 + 3 * 2.0**-23), 2.0**-31],
        [-2, 2.0**-29, 3 * 2.0**-30, 2.0**-30],
        [0, -0.0, 0, 0],
    ]
    x = np.array([(r * 9)[:35] for r in rows], np.float32)
    for bits in (24, 25, 28, 30):
        top = run(TOP, {"x": x}, core=core).result
        for columns in (0, 1):
            operands = {"x": np.ascontiguousarray(x.T) if columns else x, "columns": columns, "top": top}
            for variant in variants(PANEL.name):
                got = run(PANEL, operands | {"bits": bits}, variant, core).result
                panels, e, count = got[: 8 * 35].reshape(4, 35, 2), got[-8:-1], got[-1]
                expected = [block_row(r, bits) for r in x]
                assert e.tolist() == [r[0] for r in expected] and count == 0
                q = panels.transpose(0, 2, 1).reshape(8, 35)
                assert q[:7].tolist() == [r[1] for r in expected] and not q[7].any()


def test_exponents_at_both_ends_of_the_fast_rows(core):
    for bits in (24, 27, 30):
        for exponent in (*range(bits - 3, bits + 4), *range(bits + 220, min(bits + 227, 255)), 1, 254):
            scale = 2.0 ** (exponent - 127)
            x = np.array([[scale, -scale * 2.0**-9, 2.0**-149, -(2.0**-126), 0]], np.float32)
            operands = {"x": x, "top": run(TOP, {"x": x}, core=core).result, "bits": bits}
            got = run(PANEL, operands, core=core).result
            e, q = block_row(x[0], bits)
            assert got[:10:2].tolist() == q and got[10] == e, (bits, exponent)


def test_rounding_of_sums(core):
    ends = [0, 1, -1, 2**62, -(2**62), 2**63 - 1, -(2**63) + 1, 2**24 + 1, 2**24 + 3, -(2**25 + 2)]
    ties = [(2**24 + odd) << shift for odd in (1, 3) for shift in (7, 8, 9, 30, 38)]
    near = [t + d for t in ties for d in (-1, 1)]
    s = np.array([ends + ties + near], np.int64)
    for e in (-148, -100, -64, -63, -62, -40, 0, 40, 100, 117, 118, 128):
        operands = {
            "s": s,
            "ea": np.array([e], np.int32),
            "eb": np.full(s.size, e // 2, np.int32),
            "bits": 27,
        }
        expected = [as_float32(int(x) * Fraction(2) ** (e + e // 2 - 54)) for x in s[0]]
        for variant in variants(RESULT.name):
            got = run(RESULT, operands, variant, core).result
            assert got[:-1].tolist() == expected, (e, variant)
            assert got[-1] == sum(x & 0x7FFFFFFF == 0x7F800000 for x in expected)


def test_signed_zeros_and_not_a_number(core):
    s = np.array([[0, 5, -5]])
    e = np.array([-148, NONFINITE, 0], np.int32)
    got = run(RESULT, {"s": s, "ea": e[:1], "eb": e, "bits": 30}, core=core).result
    assert got.tolist() == [
        0,
        0x7FC00000,
        1 << 31,
        0,
    ]  # what is too small keeps its sign, a sum of zero has none
    x = np.array([[1, -np.inf], [np.nan, 2], [3, 4]], np.float32)
    top = run(TOP, {"x": x}, core=core).result
    assert top.tolist() == [0x7F800000, 0x7FC00000, 0x40800000]
    got = run(PANEL, {"x": x, "top": top, "bits": 30}, core=core).result
    assert got[-4:].tolist() == [NONFINITE, NONFINITE, 3, 2] and not got[:4].any()


def test_sums_at_the_end_of_their_range(core):
    for k, bits in ((8, 30), (9, 29), (128, 28), (129, 27), (512, 27), (513, 26)):
        assert block_float.magnitude_bits(k) == bits
        block_float.prove("test", k, bits)
        top = (1 << bits) - (1 << (bits - 24))
        a = np.array([[top] * k, [-top] * k, [0] * k], np.int32)
        got = run(GEMM, {"a": a, "b": a.T[:, :1].copy()}, core=core).result
        assert got.tolist() == [[k * top * top], [-k * top * top], [0]]
        assert run(GEMV, {"a": a, "x": a[1].copy()}, core=core).result.tolist() == [
            -k * top * top,
            k * top * top,
            0,
        ]
    assert [block_float.magnitude_bits(k) for k in (1, 2048, 2049, 8192)] == [30, 26, 25, 25]
    with pytest.raises(RangeError, match="30 bits are too many for k = 9"):
        block_float.prove("test", 9, 30)


def test_vector_product_is_a_column_of_the_matrix_product(core, rng):
    for m in range(1, 10):
        operands = GEMM.sample(rng, {"m": m, "n": 3, "k": 37, "accumulate": 1}, m % 2 == 0)
        whole = run(GEMM, operands, core=core).result
        column = {"a": operands["a"], "x": operands["b"][:, 1].copy(), "y": operands["c"][:, 1].copy()}
        assert np.array_equal(run(GEMV, column, core=core).result, whole[:, 1])


def test_long_sums_are_added_piece_by_piece(rng):
    k = block_float.PIECE + 5
    a, b = rng.standard_normal((2, k)).astype(np.float32), rng.standard_normal((k, 2)).astype(np.float32)
    first, rest = (block_float.product(a[:, s], b[s]) for s in (slice(0, k - 5), slice(k - 5, k)))
    assert np.array_equal(block_float.product(a, b), first + rest)


def test_error_is_below_that_of_float32_sums(rng):
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((20, 256), (256, 20)))
    true = a.astype(float) @ b.astype(float)
    norms = np.linalg.norm(a.astype(float), axis=1)[:, None] * np.linalg.norm(b.astype(float), axis=0)
    assert (np.abs(block_float.product(a, b) - true) / norms).max() < 2.0**-24


@pytest.mark.parametrize(
    "shape, goal",
    [({"m": 32, "n": 32, "k": 256}, 5.2), ({"m": 64, "n": 64, "k": 192, "group": 4}, 4.8)],
)
def test_whole_tile_reaches_its_goal(rng, shape, goal):
    operands = gemm_f32_tile.sample(rng, shape, False)
    done = run_tile(Core(), gemm_f32_tile.build(GemmTile(**shape), operands))
    assert np.array_equal(gemm_f32_tile.result(done.stored), gemm_f32_tile.twin(operands))
    assert done.counters.cycles / gemm_f32_tile.work(shape).macs < goal


ONE, WHOLE = np.ones((2, 2), np.float32), np.ones((2, 2), np.int32)
BAD = [
    (TOP, {"x": ONE.astype(float)}, r"operand 'x': received float64, expected float32"),
    (
        TOP,
        {"x": ONE, "top": np.zeros(3, np.uint32)},
        r"operand 'top': received shape \(3,\), expected size 2",
    ),
    (PANEL, {"x": ONE, "top": np.full(2, 1 << 30, np.uint32), "bits": 31}, "an integer from 24 to 30"),
    (PANEL, {"x": ONE, "top": np.zeros(2, np.uint32), "bits": 30}, "operand 'top': received 0x0"),
    (GEMM, {"a": WHOLE, "b": ONE}, r"operand 'b': received float32, expected int32"),
    (GEMM, {"a": WHOLE, "b": WHOLE, "c": WHOLE}, r"operand 'c': received int32, expected int64"),
    (GEMV, {"a": WHOLE, "x": WHOLE}, r"received shape \(2, 2\), expected 1 axes"),
    (
        RESULT,
        {
            "s": np.ones((1, 1), np.int64),
            "ea": np.array([600], np.int32),
            "eb": np.array([0], np.int32),
            "bits": 27,
        },
        "operand 'ea': received 600, expected an integer from -512 to 512",
    ),
]


@pytest.mark.parametrize("one, operands, message", BAD)
def test_operands_that_do_not_fit(one, operands, message):
    with pytest.raises(OperandError, match=message):
        one.lower(operands)


def test_what_cannot_be_proved_or_placed():
    a = np.full((1, 9), (1 << 30) - 64, np.int32)
    with pytest.raises(RangeError, match="fewer magnitude bits"):
        GEMM.lower({"a": a, "b": a.T.copy()})
    long = np.ones((1, 8193), np.float32)
    with pytest.raises(OperandError, match="an integer from 1 to 8192"):
        gemm_f32_tile.build(GemmTile(1, 1, 8193, 64), {"a": long, "b": long.T.copy()})
    wide = np.ones((64, 256), np.float32)
    with pytest.raises(DTCMError, match="gemm_f32_tile: needs"):
        on_tile(Core(), wide, wide.T.copy())
