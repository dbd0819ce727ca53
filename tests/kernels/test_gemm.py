"""Matrix products: exact against Python integers, range proofs, messages, layouts that agree."""

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels import kernel
from spinntensor.kernels.pack_outer import UNROLL, chunk_words, pack_a, pack_b
from spinntensor.kernels.pack_rows import pack_columns
from spinntensor.kernels.unpack_s8_outer_u32 import patches
from spinntensor.machine.call import run

S16 = kernel("gemm_s16_3x3_outer_u32")
FOLD = kernel("gemm_s16_fold_3x3_outer_u32")
S8 = kernel("gemm_s8_2x4_outer_u32")
V16 = kernel("gemv_s16_9_u16")
V8 = kernel("gemv_s8_8_u16")
UNPACK = kernel("unpack_s8_outer_u32")


@pytest.fixture(scope="module")
def core():
    return Core(strict=True)


def exact(a, b, c=None):
    """A B (+ c) in Python's own integers."""
    c = np.zeros((len(a), b.shape[1]), int) if c is None else c
    sums = [[sum(int(x) * int(y) for x, y in zip(row, column, strict=True)) for column in b.T] for row in a]
    return [[s + int(t) for s, t in zip(r, q, strict=True)] for r, q in zip(sums, c, strict=True)]


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 3, 64), (4, 5, 65), (2, 7, 129), (7, 2, 130), (5, 4, 257)])
@pytest.mark.parametrize("added", [False, True])
def test_products_are_exact(core, rng, shape, added):
    m, n, k = shape
    wide = [rng.integers(-1000, 1001, s, dtype=np.int16) for s in ((m, k), (k, n))]
    thin = [rng.integers(-4095, 4096, s, dtype=np.int16) for s in ((m, k), (k, n))]
    tiny = [rng.integers(-128, 128, s, dtype=np.int8) for s in ((m, k), (k, n))]
    for one, (a, b), dtype in ((S16, wide, np.int32), (FOLD, thin, np.int64), (S8, tiny, np.int32)):
        c = rng.integers(-(2**30), 2**30, (m, n)).astype(dtype) if added else None
        got = run(one, {"a": a, "b": b, "c": c}, core=core).result
        assert got.dtype == dtype and got.tolist() == exact(a, b, c), one.name
    for one, (a, b) in ((V16, wide), (V8, tiny)):
        y = rng.integers(-(2**30), 2**30, m, dtype=np.int32) if added else None
        got = run(one, {"a": a, "x": b[:, 0].copy(), "y": y}, core=core).result
        assert got.tolist() == [r[0] for r in exact(a, b[:, :1], None if y is None else y[:, None])], one.name


def test_folded_sums_at_the_end_of_their_range(core):
    k = 1000
    signs = np.array([[1, 1], [-1, 1]], np.int16)
    a, b = np.repeat(signs * 4095, [k, 0], axis=1)[:, :k], np.full((k, 3), -4095, np.int16)
    a = np.concatenate([a, np.where(np.arange(k) < 500, 4095, -4095)[None]]).astype(np.int16)
    c = np.full((3, 3), 2**62, np.int64)
    got = run(FOLD, {"a": a, "b": b, "c": c}, core=core).result
    assert got.tolist() == exact(a, b, c)
    assert exact(a, b)[0][0] == -k * 4095**2  # eight times what 32 bits hold


def test_byte_sums_at_the_end_of_their_range(core):
    for x, low, k in (
        (-128, -128, 511),
        (127, -128, 516),
        (127, 127, 520),
        (255, -128, 257),
        (255, 127, 259),
    ):
        a = np.full((2, k), low, np.int8)
        b = np.full((k, 1), x, np.uint8 if x > 127 else np.int8)
        assert run(S8, {"a": a, "b": b}, core=core).result.tolist() == [[k * x * low]] * 2
        assert run(V8, {"a": a, "x": b[:, 0].copy()}, core=core).result.tolist() == [k * x * low] * 2
        a, b = np.full((1, k + 1), low, np.int8), np.full((k + 1, 1), b[0, 0], b.dtype)
        with pytest.raises(RangeError) as caught:
            S8.lower({"a": a, "b": b})
        assert (caught.value.bound, caught.value.limit) == (abs((k + 1) * x * low), 2**23 - 1)
        with pytest.raises(RangeError, match="split k and accumulate"):
            V8.lower({"a": a, "x": b[:, 0].copy()})


def test_byte_product_in_two_passes_of_k(core, rng):
    a, b = rng.integers(-128, 128, (5, 700), dtype=np.int8), rng.integers(-128, 128, (700, 6), dtype=np.int8)
    first = run(S8, {"a": a[:, :350].copy(), "b": b[:350]}, core=core).result
    both = run(S8, {"a": a[:, 350:].copy(), "b": b[350:], "c": first}, core=core).result
    assert np.array_equal(both, a.astype(np.int64) @ b.astype(np.int64))


def test_three_routes_of_one_int8_product_agree(core, rng):
    a, b = rng.integers(-128, 128, (8, 70), dtype=np.int8), rng.integers(-128, 128, (70, 9), dtype=np.int8)
    panels = run(UNPACK, {"a": a}, core=core).result
    assert np.array_equal(panels, pack_a(a.astype(np.int16)))
    byte_wise = run(S8, {"a": a, "b": b}, core=core).result
    unpacked = run(S16, {"a": a.astype(np.int16), "b": b.astype(np.int16)}, core=core).result
    by_columns = [run(V8, {"a": a, "x": b[:, j].copy()}, core=core).result for j in range(9)]
    assert np.array_equal(byte_wise, unpacked) and np.array_equal(byte_wise, np.array(by_columns).T)


def test_result_does_not_depend_on_the_tiling(core, rng):
    a, b = (
        rng.integers(-2000, 2001, (10, 150), dtype=np.int16),
        rng.integers(-2000, 2001, (150, 11), dtype=np.int16),
    )
    whole = run(S16, {"a": a, "b": b}, core=core).result
    for rows, columns, depth in ((4, 5, 150), (10, 11, 37), (3, 11, 64)):
        c = np.zeros((10, 11), np.int32)
        for i in range(0, 10, rows):
            for j in range(0, 11, columns):
                for p in range(0, 150, depth):
                    at = np.s_[i : i + rows, j : j + columns]
                    part = {"a": a[at[0], p : p + depth].copy(), "b": b[p : p + depth, at[1]].copy()}
                    c[at] = run(S16, part | {"c": c[at].copy()}, core=core).result
        assert np.array_equal(c, whole)


def test_unpack_of_every_pair_of_weights(core):
    values = np.arange(-128, 128, dtype=np.int8)
    lower, upper = (x.reshape(-1) for x in np.meshgrid(values, values[[0, 1, 127, 128, 254, 255]]))
    a = np.stack([lower, upper, np.roll(lower, 1)])
    assert patches(a).size  # -128 above a weight >= 0 is among them
    assert np.array_equal(run(UNPACK, {"a": a}, core=core).result, pack_a(a.astype(np.int16)))


def test_padding_is_zero_and_chunk_words_end_a_panel(rng):
    assert [chunk_words(n) for n in (1, 3)] == [[0], [1, 1, 0]]
    assert [chunk_words(n, 2) for n in (1, 2, 3, 6)] == [[0], [1, 0], [1, 3, 0], [1, 3, 1, 2, 1, 0]]
    a = rng.integers(1, 9, (4, 2 * UNROLL + 1), dtype=np.int16)
    packed = pack_a(a)
    assert (
        packed.shape == (2, 3 * (UNROLL + 2) + 2)
        and packed[:, 6].tolist() == [1, 1]
        and not packed[:, -1].any()
    )
    assert packed[1, 7:-1].reshape(-1, 3)[:, 1].any() == 0  # row 6 does not exist
    assert pack_b(a.T)[-1] == 0 and pack_columns(a.astype(np.int8).T, 4)[-1] == 0


ONE, TWO = np.ones((2, 2), np.int16), np.ones((2, 2), np.int8)
BAD = [
    (
        S16,
        {"a": TWO, "b": ONE},
        r"operand 'a': received int8, expected int16; convert it: a\.astype\(np\.int16\)",
    ),
    (S16, {"a": ONE, "b": ONE[:1]}, r"operand 'b': received shape \(1, 2\), expected size 2 on axis 0"),
    (S16, {"a": ONE, "b": ONE[:, :0]}, "no empty axis"),
    (S16, {"a": ONE, "b": ONE, "c": ONE}, r"operand 'c': received int16, expected int32"),
    (S16, {"a": ONE[:1], "b": np.ones((2, 65536), np.int16)}, "an integer from 1 to 65535"),
    (FOLD, {"a": ONE, "b": ONE, "c": ONE.astype(np.int32)}, "received int32, expected int64"),
    (S8, {"a": TWO.astype(np.uint8), "b": TWO}, "operand 'a': received uint8, expected int8"),
    (S8, {"a": TWO, "b": ONE}, "operand 'b': received int16, expected int8"),
    (V16, {"a": ONE, "x": ONE}, r"received shape \(2, 2\), expected 1 axes"),
    (V8, {"a": TWO, "x": TWO[0], "y": TWO[0]}, "operand 'y': received int8, expected int32"),
    (UNPACK, {"a": [[1]]}, "received a list, expected a int8 array; pass a NumPy array"),
]


@pytest.mark.parametrize("one, operands, message", BAD)
def test_operands_that_do_not_fit(one, operands, message):
    with pytest.raises(OperandError, match=message):
        one.lower(operands)


def test_sums_that_cannot_be_proved():
    a = np.full((1, 2), 32767, np.int16)
    with pytest.raises(RangeError, match="folds its sums to 64 bits"):
        S16.lower({"a": np.full((1, 3), 32767, np.int16), "b": np.full((3, 1), 32767, np.int16)})
    with pytest.raises(RangeError, match="may reach 2,147,483,651"):
        V16.lower({"a": a, "x": a[0], "y": np.array([2**17 + 1], np.int32)})
    with pytest.raises(RangeError, match="narrow the operands to 4095"):
        FOLD.lower({"a": np.full((1, 128), 4096, np.int16), "b": np.full((128, 1), 4096, np.int16)})
    with pytest.raises(RangeError, match="narrow c"):
        FOLD.lower({"a": a, "b": a.T[:, :1].copy() // 8, "c": np.full((1, 1), 2**63 - 1)})
    with pytest.raises(RangeError, match="narrow them"):
        S8.lower({"a": TWO, "b": TWO, "c": np.full((2, 2), 2**31 - 1, np.int32)})
