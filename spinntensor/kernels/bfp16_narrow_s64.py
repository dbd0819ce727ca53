"""int64 sums of a product to bfp16 mantissas at the output's exponent, one shift for each row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.bfp import BFP_NARROW
from spinntensor.errors import RangeError
from spinntensor.kernels._bfp16 import HIGH, LOW, UNROLL, clamped, rounded
from spinntensor.kernels.check import array, largest, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "bfp16_narrow_s64"
Q_BITS = 30
"""Quotients stay below 2**30, so that the core may look at 32 bits of them."""


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    m, n = shape["m"], shape["n"]
    shift = rng.integers(0, 32, m).astype(np.int32)
    if extreme:
        q = rng.choice(np.array([-(1 << 29), LOW, LOW - 1, HIGH, HIGH + 1, (1 << 29) - 1]), (m, n))
    else:
        q = rng.integers(LOW - 500, HIGH + 500, (m, n))
    part = rng.integers(-1, 2, (m, n)) + ((1 << shift.astype(np.int64)) >> 1)[:, None]  # at and next to ties
    c = (q << shift.astype(np.int64)[:, None]) + part
    return {"c": c, "shift": shift, "transposed": bool(shape["transposed"])}


def prove(bounds: list[int], shift: np.ndarray) -> None:
    """RangeError unless the bound of |c| of every row, divided by 2**shift, is below 2**30."""
    worst, at = max((b >> s, s) for b, s in zip(bounds, shift.tolist(), strict=True))
    if worst >= 1 << Q_BITS:
        raise RangeError(
            NAME,
            worst,
            (1 << Q_BITS) - 1,
            f"the bound is max|c| / 2**{at}: choose a larger exponent for the output",
        )


def checked(operands: Operands) -> tuple[np.ndarray, np.ndarray]:
    c = array(NAME, "c", operands["c"], np.int64, 2)
    shift = array(NAME, "shift", operands["shift"], np.int32, 1, {0: c.shape[0]})
    for end in (shift.min(), shift.max()):
        word(NAME, "shift", int(end), 0, 31)
    prove([largest(row) for row in c], shift)
    return c, shift


def lower(operands: Operands) -> Call:
    """c int64 [M,N], shift int32 [M] of 0..31 -> int32 [M*N + 1]: mantissas, number clamped.

    `transposed` puts column j of row i at y[j, i] (channels last); the result here is [M,N] either way.
    RangeError when a quotient may reach 2**30.
    """
    c, shift = checked(operands)
    m, n = c.shape
    buffers = {
        "c": given(c),
        "y": room((n, m) if operands.get("transposed") else (m, n), np.int16),
        "shifts": given(shift),
        "saturated": room(1, np.uint32),
    }
    step, row = (2 * m, 2) if operands.get("transposed") else (2, 2 * n)
    return Call(buffers, {"m": m, "n": n, "y_step": step, "y_row": row})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    y = outputs["y"].T if operands.get("transposed") else outputs["y"]
    return np.append(y.astype(np.int32).reshape(-1), outputs["saturated"].astype(np.int32))


@njit(cache=True)
def _narrow(c: np.ndarray, shift: np.ndarray, v: np.ndarray) -> None:
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            v[i, j] = rounded(c[i, j], shift[i])


def twin(operands: Operands) -> np.ndarray:
    """clamp(rhe(c / 2**shift)), flat, then the count."""
    c, shift = checked(operands)
    v = np.empty(c.shape, np.int64)
    _narrow(c, shift, v)
    return clamped(v.reshape(-1))


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rows, rounds, elements."""
    m, n = shape["m"], shape["n"]
    return 1, m, m * -(-n // UNROLL), m * n


def work(shape: Shape) -> Work:
    """16 cycles an element: 2 loads, 6 to shift, 7 to round and clamp, store."""
    elements = shape["m"] * shape["n"]
    return Work(0, elements, 16 * elements)


KERNEL = Kernel(
    name=NAME,
    args=BFP_NARROW,
    dims={"m": (1, 8), "n": (1, 40), "transposed": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"m": 24, "n": 48, "transposed": 1}, {"m": 24, "n": 49, "transposed": 1}),
)
