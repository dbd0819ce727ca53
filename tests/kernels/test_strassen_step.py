"""Strassen's step: the plain product's integers, fewer cycles, one core's DTCM, a range proof."""

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import DTCMError, OperandError, RangeError
from spinntensor.kernels import kernel
from spinntensor.kernels.strassen_step import left_factors, prove, strassen_tile, whole
from spinntensor.machine.call import run
from spinntensor.machine.tile import run_tile


def run_strassen(core, a, b, group=11):
    done = run_tile(core, strassen_tile(a, b, group))
    return whole(done.stored, a.shape[0], b.shape[1]), done.counters.cycles, done.by_kernel


@pytest.mark.parametrize("m, k, n, group", [(1, 1, 1, 1), (13, 9, 7, 1), (12, 8, 12, 2), (7, 70, 5, 4)])
def test_product_of_any_size_is_exact(rng, m, k, n, group):
    a, b = rng.integers(-128, 128, (m, k), dtype=np.int8), rng.integers(0, 256, (k, n), dtype=np.uint8)
    got, cycles, by_kernel = run_strassen(Core(strict=True), a, b, group)
    assert got.dtype == np.int32 and np.array_equal(got, a.astype(np.int64) @ b.astype(np.int64))
    assert cycles == sum(by_kernel.values())


def test_a_1x1_convolution_takes_fewer_cycles_than_eight_products(rng):
    a, b = rng.integers(-128, 128, (256, 256), dtype=np.int8), rng.integers(0, 256, (256, 36), dtype=np.uint8)
    got, cycles, _ = run_strassen(Core(), a, b)
    assert np.array_equal(got, a.astype(np.int64) @ b.astype(np.int64))
    plain = {"a": a[:30].astype(np.int16), "b": b[:, :30].astype(np.int16)}
    spent = run(kernel("gemm_s16_3x3_outer_u32"), plain).counters.cycles
    assert a.size * 36 / cycles > 1.08 * 30 * 30 * 256 / spent
    assert a.size * 36 / cycles > 0.80


def test_ends_of_the_range():
    a, b = np.full((6, 40), -128, np.int8), np.full((40, 6), 255, np.uint8)
    b[:20, :3] = b[20:, 3:] = 0
    got, _, _ = run_strassen(Core(strict=True), a, b)
    assert np.array_equal(got, a.astype(np.int64) @ b.astype(np.int64))
    assert max(int(np.abs(x).max()) for x in left_factors(a).values()) <= 512


def test_what_does_not_fit():
    a, b = np.full((6, 8), -128, np.int8), np.full((8, 6), 255, np.uint8)
    with pytest.raises(RangeError, match="use the plain product"):
        prove(left_factors(a), 1 << 16, b)
    with pytest.raises(OperandError, match="received int8, expected uint8"):
        strassen_tile(a, b.astype(np.int8))
    with pytest.raises(DTCMError, match="strassen_step: needs"):
        run_strassen(Core(), np.ones((6, 512), np.int8), np.ones((512, 60), np.uint8))
