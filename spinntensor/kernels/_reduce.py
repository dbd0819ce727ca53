"""What the row reductions share: twins, packing and cycle counts; a kernel's own file names its types."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.vector import REDUCE
from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, largest
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

WORD = 4
_ROUND, _RUN = 8, 256


@njit(cache=True)
def _sums(x: np.ndarray, y: np.ndarray) -> None:
    for i in range(x.shape[0]):
        total = np.int64(0)
        for j in range(x.shape[1]):
            total += x[i, j]
        y[i] = total


@njit(cache=True)
def _firsts(x: np.ndarray, y: np.ndarray) -> None:
    for i in range(x.shape[0]):
        best = 0
        for j in range(x.shape[1]):
            if x[i, j] > x[i, best]:
                best = j
        y[i] = best


_WORD_CYCLES = {
    "reduce_sum_s8": 5,
    "reduce_sum_s16": 3,
    "reduce_sum_s32": 2,
    "reduce_sum_s32_s64": 3,
    "reduce_max_s8": 9,
    "reduce_max_s16": 5,
    "reduce_max_s32": 3,
    "reduce_argmax_s8": 13,
    "reduce_argmax_s16": 7,
    "reduce_argmax_s32": 4,
}


def declare(name: str, dtype: type, total: type = np.int32) -> Kernel:
    """The kernel `reduce_<op>_<type>`: `op` is sum (into `total`), max or argmax (first position, int32).

    **Shape** x[M,N] -> y[M]. Operand: `x`.
    """
    op, info, lanes = name.split("_")[1], np.iinfo(dtype), WORD // np.dtype(dtype).itemsize
    out: np.dtype = np.dtype({"sum": total, "max": dtype, "argmax": np.int32}[op])

    def checked(operands: Operands) -> np.ndarray:
        x = array(name, "x", operands["x"], dtype, 2)
        bits = 8 * out.itemsize - 1
        bound = x.shape[1] * largest(x)
        if op == "sum" and bound >= 1 << bits:
            why = f"the bound is n * max|x| = {x.shape[1]} * {largest(x)}"
            raise RangeError(
                name, bound, (1 << bits) - 1, f"{why}: use reduce_sum_s32_s64, or split the rows"
            )
        return x

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        size = (shape["m"], shape["n"])
        low, high = int(info.min), int(info.max)
        if out == np.int32 and op == "sum":
            high = min(high, ((1 << 31) - 1) // shape["n"])
            low = max(low, -high)
        x = rng.integers(low, high + 1, size, dtype=dtype)
        if extreme:
            x = rng.choice(np.array([low, low + 1, high - 1, high], dtype), size=size)
            x = np.full(size, x[0, 0]) if rng.integers(2) else x
        return {"x": x}

    def lower(operands: Operands) -> Call:
        """Pad the rows to whole words: zeros for sums, the least value for maxima.

        RangeError when `n * max|x|` does not prove that every sum fits.
        """
        x = checked(operands)
        words = -(-x.shape[1] // lanes)
        packed = np.full((x.shape[0], words * lanes), 0 if op == "sum" else info.min, dtype)
        packed[:, : x.shape[1]] = x
        return Call({"x": given(packed), "y": room(x.shape[0], out)}, {"rows": x.shape[0], "words": words})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"]

    def twin(operands: Operands) -> np.ndarray:
        """One result for every row."""
        x = checked(operands)
        if op == "max":
            return x.max(axis=1)
        y: np.ndarray = np.empty(x.shape[0], out)
        (_sums if op == "sum" else _firsts)(x, y)
        return y

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, rows, rounds and words; for int8 sums also the runs after which lanes are emptied."""
        words = -(-shape["n"] // lanes)
        counts = (1, shape["m"], shape["m"] * -(-words // _ROUND), shape["m"] * words)
        return (*counts, shape["m"] * -(-words // _RUN)) if name == "reduce_sum_s8" else counts

    def work(shape: Shape) -> Work:
        """The instructions for a word of a row."""
        cycles = shape["m"] * -(-shape["n"] // lanes) * _WORD_CYCLES[name]
        return Work(0, shape["m"] * shape["n"], cycles)

    longest = 1500 if name == "reduce_sum_s8" else 300
    bench = ({"m": 32, "n": 256}, {"m": 8, "n": 1000})
    return Kernel(
        name, REDUCE, {"m": (1, 6), "n": (1, longest)}, sample, lower, result, twin, features, work, bench
    )
