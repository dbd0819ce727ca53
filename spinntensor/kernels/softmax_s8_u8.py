"""Softmax of int8 rows in steps of 1/256, by a table of exponentials; no division but one for each row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.vector import SOFTMAX
from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "softmax_s8_u8"
ONE = 1 << 22
"""The table's value for exp(0)."""
TOP = 32703
"""The largest factor R for which ONE becomes 255, not 256."""
WORD = 4
_ROUND = 4


def exponentials(scale: float) -> np.ndarray:
    """`round(2**22 * exp(-d * scale))` for d = 0..255, uint32; `scale` is the real value of one step of x, > 0."""
    if not 0 < scale < np.inf:
        raise OperandError(NAME, "scale", f"{scale}", "a positive number", "give the quantisation step of x")
    return np.rint(ONE * np.exp(-scale * np.arange(256))).astype(np.uint32)


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    size = (shape["m"], shape["n"])
    x = rng.integers(-128, 128, size, dtype=np.int8)
    if extreme:
        x = rng.choice(np.array([-128, -127, 126, 127], np.int8), size=size)
        x = np.full(size, x[0, 0], np.int8) if rng.integers(2) else x
    return {"x": x, "lut": exponentials(float(2.0 ** rng.uniform(-10, 1)))}


def _checked(operands: Operands) -> tuple[np.ndarray, np.ndarray]:
    x = array(NAME, "x", operands["x"], np.int8, 2)
    lut = array(NAME, "lut", operands["lut"], np.uint32, 1, {0: 256})
    if lut[0] != ONE or (lut[1:] > lut[:-1]).any():
        expected = f"{ONE} falling monotonically"
        raise OperandError(
            NAME, "lut", f"{lut[0]}, ..., {lut[-1]}", expected, "make it with exponentials(scale)"
        )
    if x.shape[1] * ONE >= 1 << 32:
        mend = f"at most {(1 << 32) // ONE - 1} columns fit: split rows"
        raise RangeError(NAME, x.shape[1] * ONE, (1 << 32) - 1, mend)
    return x, lut


def lower(operands: Operands) -> Call:
    """Pad the rows of x[M,N] (int8) by -128 to whole words; `lut` is a table made by `exponentials`.

    RangeError when N table entries may not fit the 32-bit sum (N > 1023).
    """
    x, lut = _checked(operands)
    (m, n), pitch = x.shape, -(-x.shape[1] // WORD) * WORD
    packed = np.full((m, pitch), -128, np.int8)
    packed[:, :n] = x
    buffers = {"x": given(packed), "y": room((m, pitch), np.uint8), "lut": given(lut)}
    return Call(buffers, {"rows": m, "columns": n, "pitch": pitch})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.ascontiguousarray(outputs["y"][:, : operands["x"].shape[1]])


@njit(cache=True)
def _softmax(x: np.ndarray, lut: np.ndarray, y: np.ndarray) -> None:
    for i in range(x.shape[0]):
        top = np.int64(x[i, 0])
        for j in range(x.shape[1]):
            top = max(top, np.int64(x[i, j]))
        total = np.int64(0)
        for j in range(x.shape[1]):
            total += np.int64(lut[top - x[i, j]])
        factor = min((np.int64(1) << 31) // (total >> 6), np.int64(TOP))
        for j in range(x.shape[1]):
            y[i, j] = ((np.int64(lut[top - x[i, j]]) * factor >> 16) + 4096) >> 13


def twin(operands: Operands) -> np.ndarray:
    """256 softmax(x) of every row, at most 255: uint8 [M,N]."""
    x, lut = _checked(operands)
    y = np.empty(x.shape, np.uint8)
    _softmax(x, lut, y)
    return y


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rows, rounds and words of the unrolled loops."""
    words = -(-shape["n"] // WORD)
    return 1, shape["m"], shape["m"] * -(-words // _ROUND), shape["m"] * words


def work(shape: Shape) -> Work:
    """9, 14 and 22 instructions for a word in the three passes."""
    words = -(-shape["n"] // WORD)
    return Work(0, shape["m"] * shape["n"], shape["m"] * words * 45)


KERNEL = Kernel(
    name=NAME,
    args=SOFTMAX,
    dims={"m": (1, 6), "n": (1, 300)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"m": 1, "n": 1000}, {"m": 10, "n": 1000}, {"m": 1, "n": 100}, {"m": 49, "n": 100}),
)
