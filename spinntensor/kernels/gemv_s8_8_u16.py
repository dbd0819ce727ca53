"""int8 x int8 -> int32 matrix-vector product with byte weights, eight rows at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.gemm import GEMV_S8
from spinntensor.kernels.blocks import panel_counts
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_rows import activations, pack_columns, pack_mixed, prove_bytes
from spinntensor.kernels.products import gemv

NAME = "gemv_s8_8_u16"
ROWS, UNROLL = 8, 16


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    m, k = shape["m"], shape["k"]
    a = rng.integers(-128, 128, (m, k), dtype=np.int8)
    x = rng.integers(-128, 128, k, dtype=np.int8)
    if extreme:
        a = rng.choice(np.array([-128, 127], np.int8), size=(m, k))
        x = np.where(a[0] < 0, -128, 127).astype(np.int8)  # the largest sum in row 0
    elif k <= 200 and rng.integers(2):
        x = rng.integers(0, 256, k, dtype=np.uint8)
    y = rng.integers(-(2**30), 2**30, m, dtype=np.int32) if shape.get("accumulate", 0) else None
    return {"a": a, "x": x, "y": y}


def lower(operands: Operands) -> Call:
    """Pack A[M,K] (int8) and x[K] (int8 or uint8); `y` (int32 [M] or None) is added to when given.

    RangeError when the rows of A do not prove that every sum stays below 2**23.
    """
    a = array(NAME, "a", operands["a"], np.int8, 2)
    x = activations(NAME, "x", operands["x"], 1, a.shape[1])
    m, k = a.shape
    y = operands.get("y")
    if y is not None:
        y = array(NAME, "y", y, np.int32, 1, {0: m})
    prove_bytes(NAME, a, x, y)
    return Call(
        {
            "a": given(pack_mixed(a, ROWS, UNROLL)),
            "x": given(pack_columns(x[:, None], 1)),
            "y": room(m, np.int32) if y is None else given(y, "inout"),
        },
        {"m": m, "pairs": (k + 1) // 2, "accumulate": int(y is not None)},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"]


def features(shape: Shape) -> tuple[float, ...]:
    """The counts of `panel_counts`."""
    return panel_counts(shape["m"], shape["k"], ROWS, UNROLL, int(shape.get("accumulate", 0) > 0))


def work(shape: Shape) -> Work:
    """25 cycles for the 16 MACs of a panel and a pair of k: 16 multiplies, 5 loads, 4 ANDs."""
    macs = shape["m"] * shape["k"]
    return Work(macs, shape["m"], macs * 25 / 16)


KERNEL = Kernel(
    name=NAME,
    args=GEMV_S8,
    dims={"m": (1, 40), "k": (1, 200), "accumulate": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=gemv,
    features=features,
    work=work,
    bench=(
        {"m": 48, "k": 128, "accumulate": 0},
        {"m": 48, "k": 512, "accumulate": 0},
        {"m": 48, "k": 512, "accumulate": 1},
        {"m": 41, "k": 511, "accumulate": 0},
    ),
)
