"""Exact products through BLAS: against the definitions, at cancellations and ties, for any cut, layout and threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import OperandError
from spinntensor.kernels import block_float, host_block, host_bytes, host_convolution, host_products, parallel
from spinntensor.kernels.host_mantissas import round13, shift13
from spinntensor.kernels.host_memory import Rooms
from spinntensor.kernels.host_products import (
    byte_product,
    float_product,
    mantissa_product,
    mantissa_product_bfp16,
)
from spinntensor.kernels.kernel import equal_bits

FEW = settings(max_examples=40, deadline=None, derandomize=True)
SIZES = {
    "count": st.integers(1, 3),
    "m": st.integers(1, 30),
    "n": st.integers(1, 30),
    "seed": st.integers(0, 999),
}


def laid_out(rng, x):
    """The same stack, one of several ways in memory."""
    way = rng.integers(4)
    if way == 1:
        return np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2)
    if way == 2:
        return np.repeat(x, 2, 2)[:, :, ::2]
    if way == 3:
        x = x.copy()
        x.flags.writeable = False
    return x


def defined(a, b):
    """Each matrix of a stack by the definition, and the counts."""
    parts = [block_float.counted_product(x, np.ascontiguousarray(y)) for x, y in zip(a, b, strict=True)]
    return np.stack([p[0] for p in parts]), sum(p[1] for p in parts), sum(p[2] for p in parts)


def same(a, b):
    got, want = float_product(a, b), defined(a, b)
    assert equal_bits(got[0], want[0]) and got[1:] == want[1:]


@FEW
@given(**SIZES, k=st.integers(1, 300), extreme=st.booleans())
def test_float32_has_the_bits_and_counts_of_the_definition(count, m, n, k, seed, extreme):
    rng = np.random.default_rng(seed)
    a = block_float.draw(rng, (count * m, k), extreme).reshape(count, m, k)
    b = block_float.draw(rng, (count * n, k), extreme).reshape(count, n, k).swapaxes(1, 2)
    same(laid_out(rng, a), laid_out(rng, b))


def cancelling(rng, m, n, k):
    """Factors whose products are 0 or small differences of large sums."""
    a, b = rng.standard_normal((m, k)).astype(np.float32), rng.standard_normal((k, n)).astype(np.float32)
    half = k // 2
    a[:, half : 2 * half] = -a[:, :half]
    b[half : 2 * half] = b[:half]
    return a[None], b[None]


def test_float32_where_sums_cancel():
    rng = np.random.default_rng(1)
    same(*cancelling(rng, 40, 30, 128))  # all of them: two products of halves
    a, b = cancelling(rng, 40, 30, 128)
    a[0, 1:] = rng.standard_normal((39, 128)).astype(np.float32)
    same(a, b)  # a few: sums again one by one
    a, b = cancelling(rng, 40, 30, 128)
    a[0, :, 0] += np.float32(2.0**-20)
    a[0, :, 64] = -rng.choice(a[0, :, 0], 40)
    same(a, b)


def test_float32_at_ties_and_between():
    """2**24 and an odd number is halfway between two float32; a tiny product beside it decides."""
    rng = np.random.default_rng(2)
    a, b = np.zeros((50, 100), np.float32), np.zeros((100, 40), np.float32)
    a[:, 0], a[:, 1], a[:, 2] = 4096, 1, rng.integers(-1, 2, 50) * np.float32(2.0**-12)
    b[0], b[1], b[2] = 4096, rng.choice([-3, -1, 1, 3], 40), np.float32(2.0**-12)
    for scale in (1.0, 2.0**-60, 2.0**-70, -(2.0**57)):
        same((a * np.float32(scale))[None], (b * np.float32(abs(scale)))[None])


def test_float32_of_small_integers_is_never_summed_twice(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(host_block, "_again", never)
    monkeypatch.setattr(host_block, "_by_halves", never)
    rng = np.random.default_rng(3)
    a, b = (rng.integers(-9, 10, s).astype(np.float32) for s in ((1, 50, 200), (1, 200, 60)))
    np.testing.assert_array_equal(float_product(a, b)[0], a.astype(int) @ b.astype(int))


def test_float32_does_not_depend_on_the_errors_of_blas():
    """Whatever is left as sure is right when the float64 product is off by nearly as much as it may be."""
    rng = np.random.default_rng(4)
    a, b = block_float.draw(rng, (40, 200), False), block_float.draw(rng, (30, 200), False).T
    bits = block_float.magnitude_bits(200)
    left, right = host_block.left_lines(a[None], bits, Rooms()), host_block.right_lines(b[None], bits)
    want = block_float.product(a, np.ascontiguousarray(b)).view(np.uint32)
    miss = 200 * 2.0**-53 * np.linalg.norm(left.q[0], axis=1)[:, None] * np.linalg.norm(right.q[0], axis=0)
    for _ in range(20):
        c = left.q[0] @ right.q[0] + rng.choice([-0.99, 0.99], (40, 30)) * miss
        y = np.empty((40, 30), np.float32)
        g = (200 + 8) * 2.0**-53
        places, count, _ = host_block._round(0, 40, c, left.known.reshape(3, -1), right.known, g, y)
        assert count == len(places)
        sure = np.ones(1200, bool)
        sure[places] = False
        assert sure.sum() > 1000 and (y.view(np.uint32).reshape(-1) == want.reshape(-1))[sure].all()


def test_long_float32_sums_are_added_piece_by_piece():
    rng = np.random.default_rng(5)
    a, b = (
        rng.standard_normal((2, 3, 20000)).astype(np.float32),
        rng.standard_normal((2, 20000, 4)).astype(np.float32),
    )
    a[0, 1, 9000], b[1, 17000, 2] = np.inf, np.nan
    a[0, 2, ::8192], b[0, ::8192, 3] = 3e38, [3e38, -3e38, 1]
    a[1, 0, :2], b[1, :2, 0] = 1e25, 1e25
    got, bad, overflowed = float_product(a, b)
    want = defined(a, b)
    assert equal_bits(got, want[0]) and (bad, overflowed) == want[1:]
    assert bad == 2 and overflowed >= 2 and np.isnan(got[0, 2, 3]) and np.isposinf(got[1, 0, 0])


@FEW
@given(**SIZES, k=st.integers(1, 700), kinds=st.tuples(*[st.sampled_from([np.int8, np.uint8])] * 2))
def test_bytes_are_exact(count, m, n, k, seed, kinds):
    rng = np.random.default_rng(seed)
    ends = [np.iinfo(kind) for kind in kinds]
    a, b = (
        rng.integers(e.min, e.max + 1, s).astype(e.dtype)
        if seed % 3
        else rng.choice(np.array([e.min, e.max], e.dtype), s)
        for e, s in zip(ends, ((count, m, k), (count, k, n)), strict=True)
    )
    zeros = [int(rng.integers(e.min, e.max + 1)) for e in ends]
    got = byte_product(laid_out(rng, a), laid_out(rng, b), *zeros)
    want = (a.astype(np.int64) - zeros[0]) @ (b.astype(np.int64) - zeros[1])
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("a, b", [(-128, -128), (255, 127), (0, 255), (127, -128)])
def test_bytes_at_the_ends_of_their_range(a, b):
    """The longest sums of the largest magnitudes: K is cut where float32 would round."""
    kinds = [np.uint8 if x > 127 or (x, y) == (0, 255) else np.int8 for x, y in ((a, b), (b, a))]
    k = 30000
    x, y = np.full((1, 5, k), a, kinds[0]), np.full((1, k, 7), b, kinds[1])
    assert (byte_product(x, y, 0, 0) == a * b * k).all()
    cuts = host_bytes.right_bytes(np.full((k, 2), -128, np.int8)).cuts
    assert cuts[0] == (0, 1024) and cuts[-1][1] == k and max(j - i for i, j in cuts) == 1024


def thirteen(q):
    top = max(-int(q.min()), int(q.max()))
    shift = next(s for s in range(5) if round(top / 2**s) <= 4095)
    return np.rint(q / 2.0**shift).astype(np.int64), shift


@FEW
@given(**SIZES, k=st.integers(1, 200), top=st.integers(1, 15))
def test_mantissas_are_rounded_to_13_bits_and_summed_exactly(count, m, n, k, seed, top):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(-(1 << top), 1 << top, s).astype(np.int16) for s in ((count, m, k), (count, k, n)))
    ea, eb = rng.integers(-125, 98, (count, m)), np.broadcast_to(rng.integers(-125, 98), (count, n))
    (p, s), (q, t) = thirteen(a), thirteen(b)
    exact = (p @ q) * np.exp2((ea + s)[:, :, None] + (eb + t)[:, None, :])
    units = np.exp2(ea), np.exp2(eb)
    got, overflowed = mantissa_product(laid_out(rng, a), laid_out(rng, b), *units)
    with np.errstate(over="ignore"):
        want = exact.astype(np.float32)
    assert equal_bits(got, want) and overflowed == np.isinf(want).sum()
    got, e, saturated = mantissa_product_bfp16(laid_out(rng, a), laid_out(rng, b), *units)
    largest = np.abs(exact).max()
    assert round(largest / 2.0**e) <= 32767 or e == 97
    assert e == -125 or round(largest / 2.0 ** (e - 1)) > 32767
    whole = np.rint(exact / 2.0**e)
    assert equal_bits(got, np.clip(whole, -32768, 32767).astype(np.int16))
    assert saturated == (whole != got).sum()


def cuts_of(rng, k):
    """K in a few pieces, in a random order."""
    ends = np.unique([0, k, *rng.integers(0, k, 3)])
    return rng.permutation(np.stack([ends[:-1], ends[1:]], 1)).tolist()


@pytest.mark.parametrize("seed", range(8))
def test_no_cut_of_a_product_shows(seed):
    """Rows and columns apart, and K in pieces in any order: one result in each format."""
    rng = np.random.default_rng(seed)
    m, k, n = rng.integers(2, 40), int(rng.integers(50, 400)), rng.integers(2, 40)
    i, j = int(rng.integers(1, m)), int(rng.integers(1, n))
    a, b = (block_float.draw(rng, s, seed % 2 == 0) for s in ((m, k), (k, n)))
    whole, _, _ = float_product(a[None], b[None])
    for rows in (slice(0, i), slice(i, m)):
        for columns in (slice(0, j), slice(j, n)):
            part, _, _ = float_product(a[None, rows], b[None, :, columns])
            assert equal_bits(part, np.ascontiguousarray(whole[:, rows, columns]))
    bits = block_float.magnitude_bits(k)
    (qa, ea), (qb, eb) = block_float.to_block(a, bits), block_float.to_block(np.ascontiguousarray(b.T), bits)
    s, words = np.zeros((m, n), np.int64), np.empty((m, n), np.uint32)
    for start, stop in cuts_of(rng, k):
        block_float.sums(np.ascontiguousarray(qa[:, start:stop]), np.ascontiguousarray(qb[:, start:stop]), s)
    block_float.results(s, ea, eb, bits, words)
    assert equal_bits(words, whole[0].view(np.uint32))
    x, y = (
        rng.integers(0, 256, (1, m, k)).astype(np.uint8),
        rng.integers(-128, 128, (1, k, n)).astype(np.int8),
    )
    parts = [byte_product(x[:, :, u:v], y[:, u:v], 7, -3) for u, v in cuts_of(rng, k)]
    np.testing.assert_array_equal(sum(parts), byte_product(x, y, 7, -3))
    p, q = (z.astype(np.int16) * 120 for z in (x, y))
    units, shift = (np.ones((1, m)), np.ones((1, n))), shift13(p) + shift13(q)
    p, q = round13(p, shift13(p)), round13(q, shift13(q))
    exact = sum(p[:, :, u:v] @ q[:, u:v] for u, v in cuts_of(rng, k)) * 2.0**shift
    got, _ = mantissa_product((x.astype(np.int16) * 120), y.astype(np.int16) * 120, *units)
    assert equal_bits(got, exact.astype(np.float32))


def test_chunks_and_threads_do_not_show(monkeypatch):
    rng = np.random.default_rng(6)
    a, b = (block_float.draw(rng, s, True) for s in ((700, 60), (60, 50)))
    x, y = (
        rng.integers(0, 256, (1, 700, 60)).astype(np.uint8),
        rng.integers(-128, 128, (1, 60, 50)).astype(np.int8),
    )
    p, q, e = (x * np.int16(99)).astype(np.int16), y * np.int16(9), np.ones((1, 1))
    units = np.broadcast_to(e, (1, 700)), np.broadcast_to(e, (1, 50))

    def results():
        yield from (float_product(a[None], b[None])[0], float_product(np.asfortranarray(a)[None], b[None])[0])
        yield from (byte_product(x, y, 3, 0), mantissa_product(p, q, *units)[0])
        yield mantissa_product_bfp16(p, q, *units)[0]

    want = list(results())
    monkeypatch.setattr(parallel, "SMALL", 10)
    for threads, chunk in (("1", 1), ("3", 1 << 19), ("2", 30000)):
        monkeypatch.setenv("SPINNTENSOR_THREADS", threads)
        monkeypatch.setattr(host_products, "CHUNK", chunk)
        monkeypatch.setattr(host_convolution, "CHUNK", chunk)
        assert all(equal_bits(g, w) for g, w in zip(results(), want, strict=True))


def test_threads(monkeypatch):
    monkeypatch.setenv("SPINNTENSOR_THREADS", "3")
    assert parallel.threads() == 3
    ends = parallel.split(lambda first, last, add: (first + add, last + add), 10, 10**6, 100)
    assert ends == [(100, 103), (103, 106), (106, 110)]
    assert parallel.split(lambda first, last: (first, last), 10, 10) == [(0, 10)]
    assert parallel.split(lambda first, last: (first, last), 2, 10**6) == [(0, 1), (1, 2)]
    for wrong in ("0", "two", "-1"):
        monkeypatch.setenv("SPINNTENSOR_THREADS", wrong)
        with pytest.raises(OperandError, match="SPINNTENSOR_THREADS"):
            parallel.threads()
    monkeypatch.delenv("SPINNTENSOR_THREADS")
    assert parallel.threads() >= 1
