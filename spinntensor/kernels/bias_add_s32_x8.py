"""Adds each row's bias to int32 sums, in place: for sums that are wanted as they are, not requantised."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.epilogue import BIAS_ADD
from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, largest, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given

NAME = "bias_add_s32_x8"


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    top = 1 << 30 if extreme else 1 << 20
    c = rng.integers(-top, top, (shape["m"], shape["n"]), dtype=np.int32)
    bias = rng.integers(-top, top, shape["m"], dtype=np.int32)
    return {"c": c, "bias": bias, "gap": shape["gap"]}


def lower(operands: Operands) -> Call:
    """c[M,N] and bias[M], int32; `gap` leaves words between rows of c.

    RangeError when a sum could leave int32.
    """
    c = array(NAME, "c", operands["c"], np.int32, 2)
    bias = array(NAME, "bias", operands["bias"], np.int32, 1, {0: c.shape[0]})
    gap = word(NAME, "gap", operands.get("gap", 0), 0, 1 << 14)
    bound = largest(c) + largest(bias)
    if bound >= 1 << 31:
        raise RangeError(NAME, bound, (1 << 31) - 1, "the bound is max|c| + max|bias|: narrow one of them")
    (m, n), padded = c.shape, np.pad(c, ((0, 0), (0, gap)))
    return Call({"c": given(padded, "inout"), "bias": given(bias)}, {"m": m, "n": n, "ldc": n + gap})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["c"][:, : operands["c"].shape[1]]


def twin(operands: Operands) -> np.ndarray:
    """c + bias[:, None], int32 [M,N]."""
    return operands["c"] + operands["bias"][:, None]


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rows; over all rows: blocks of eight, whether there are any, fours, twos and ones."""
    m, n = shape["m"], shape["n"]
    return 1, m, m * (n // 8), m * (n >= 8), m * (n >> 2 & 1), m * (n >> 1 & 1), m * (n & 1)


def work(shape: Shape) -> Work:
    """3 cycles an element: load, add, store."""
    elements = shape["m"] * shape["n"]
    return Work(0, elements, 3 * elements)


KERNEL = Kernel(
    name=NAME,
    args=BIAS_ADD,
    dims={"m": (1, 9), "n": (1, 40), "gap": (0, 3)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"m": 64, "n": 48, "gap": 0}, {"m": 64, "n": 49, "gap": 0}),
)
