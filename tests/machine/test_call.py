"""Calling a kernel on a core: layout, refusals, counters."""

import numpy as np
import pytest

from spinntensor.abi import memory
from spinntensor.emulator.core import Core
from spinntensor.errors import DTCMError, OperandError, RangeError, UnknownKernelError
from spinntensor.kernels import kernel
from spinntensor.machine import call as machine

GEMM = kernel("gemm_s16_3x3_outer_u32")


def operands(m, n, k, value=1):
    return {"a": np.full((m, k), value, np.int16), "b": np.full((k, n), value, np.int16), "c": None}


def test_result_and_counters():
    done = machine.run(GEMM, operands(4, 5, 6, 3), strict=True)
    assert (done.result == 54).all() and done.result.shape == (4, 5)
    c = done.counters
    assert c.cycles == c.issue + c.load_use + c.multiply + c.branch + c.peripheral
    assert c.multiplies == 2 * 2 * 9 * 8 + 2  # 2 x 2 blocks of 9, k padded to 8; two for the layout


def test_too_large_for_the_dtcm():
    with pytest.raises(DTCMError, match="shrink 'a'") as caught:
        machine.run(GEMM, operands(60, 3, 600))
    assert caught.value.needed > caught.value.available == memory.OPERANDS_BYTES


def test_misaligned_operand():
    call = GEMM.lower(operands(3, 3, 4))
    addresses = machine.layout(GEMM, call)
    with pytest.raises(OperandError, match="align every operand to a word"):
        machine.place(Core(), GEMM, call, {**addresses, "b": addresses["b"] + 2})


def test_empty_k():
    with pytest.raises(OperandError, match="no empty axis"):
        machine.run(GEMM, {"a": np.zeros((3, 0), np.int16), "b": np.zeros((0, 3), np.int16)})


def test_wrong_type_and_shape():
    with pytest.raises(
        OperandError, match=r"received int32, expected int16; convert it: a.astype\(np.int16\)"
    ):
        machine.run(GEMM, {"a": np.zeros((3, 2), np.int32), "b": np.zeros((2, 3), np.int16)})
    with pytest.raises(OperandError, match="size 2 on axis 0"):
        machine.run(GEMM, {"a": np.zeros((3, 2), np.int16), "b": np.zeros((4, 3), np.int16)})


def test_range_proof():
    with pytest.raises(RangeError, match="folds its sums to 64 bits"):
        machine.run(GEMM, operands(3, 3, 4, 32767))


def test_unknown_kernel():
    with pytest.raises(UnknownKernelError, match="did you mean 'gemm_s16_3x3_outer_u32'"):
        kernel("gemm_s16_3x3_outer")


def test_two_tilings_of_one_product_agree():
    rng = np.random.default_rng(8)
    whole = GEMM.sample(rng, {"m": 11, "n": 10, "k": 70}, True) | {"c": None}
    a, b = whole["a"], whole["b"]
    core = Core()
    expected = machine.run(GEMM, whole, core=core).result
    for mt, nt, kt in ((3, 10, 70), (4, 3, 33), (11, 7, 5)):
        c = np.zeros((11, 10), np.int32)
        for i in range(0, 11, mt):
            for j in range(0, 10, nt):
                for k in range(0, 70, kt):
                    part = {"a": a[i : i + mt, k : k + kt].copy(), "b": b[k : k + kt, j : j + nt].copy()}
                    tile = machine.run(GEMM, part | {"c": c[i : i + mt, j : j + nt].copy()}, core=core)
                    c[i : i + mt, j : j + nt] = tile.result
        np.testing.assert_array_equal(c, expected)
