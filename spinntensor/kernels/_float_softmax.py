"""What softmax and log softmax of float32 rows share: the twin, samples and cycle counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.float_math import F32_SOFTMAX
from spinntensor.errors import RangeError
from spinntensor.kernels._f32_reduce import levels_of
from spinntensor.kernels._float_tables import exp_table, log_table
from spinntensor.kernels._float_unary import bits, patterns
from spinntensor.kernels.check import array
from spinntensor.kernels.float_math import INF, NAN, exp_bits, log_bits
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

LONGEST = 1 << 16
"""Columns for which the stack of partial sums has room."""
_REGULAR = 8.0


@njit(cache=True)
def tree_sum(x: np.ndarray) -> np.float32:
    """Pairwise float32 sum: tree(x[:p]) + tree(x[p:]), p the largest power of two below the length; x is spent."""
    n = x.size
    width = 1
    while width < n:
        for i in range(0, n - width, 2 * width):
            x[i] = x[i] + x[i + width]
        width *= 2
    return x[0]


@njit(cache=True)
def _rows(x: np.ndarray, logarithm: bool, table: np.ndarray, log_words: np.ndarray, y: np.ndarray) -> None:
    m, n = x.shape
    for i in range(m):
        row = x[i].view(np.uint32)
        top, nan = np.int64(-1) << 31, False
        for j in range(n):
            key = np.int64(np.int32(row[j]))
            key = key if key >= 0 else key ^ 0x7FFFFFFF
            nan = nan or (row[j] & 0x7FFFFFFF) > INF
            top = max(top, key)
        largest = np.array([top if top >= 0 else (top ^ 0x7FFFFFFF) & 0xFFFFFFFF]).astype(np.uint32)
        if nan or (largest[0] & 0x7FFFFFFF) >= INF:
            y[i] = NAN
            continue
        distance = x[i] - largest.view(np.float32)[0]
        pattern = distance.view(np.uint32)
        powers = np.empty(n, np.uint32)
        for j in range(n):
            powers[j] = exp_bits(np.int64(pattern[j]), table)
        total = np.empty(1, np.float32)
        total[0] = tree_sum(powers.view(np.float32).copy())
        if logarithm:
            logarithms = np.empty(1, np.uint32)
            logarithms[0] = log_bits(np.int64(total.view(np.uint32)[0]), log_words)
            y[i] = (distance - logarithms.view(np.float32)[0]).view(np.uint32)
        else:
            y[i] = (powers.view(np.float32) / total[0]).view(np.uint32)


def declare(name: str) -> Kernel:
    """The kernel `f32_softmax` or `f32_log_softmax`.

    **Shape** x[M,N] float32 -> y[M,N], uint32 patterns; `y.view(np.float32)` are the numbers. A row with NaN or +inf,
    and one of nothing but -inf, gives NaN. RangeError for N > 65,536.
    """
    logarithm = name == "f32_log_softmax"

    def checked(operands: Operands) -> np.ndarray:
        x = array(name, "x", operands["x"], np.float32, 2)
        if x.shape[1] > LONGEST:
            raise RangeError(
                name, x.shape[1], LONGEST, "the stack of partial sums is for this many: split rows"
            )
        return x

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        size = (shape["m"], shape["n"])
        x = rng.uniform(-_REGULAR, _REGULAR, size).astype(np.float32)
        if extreme:
            wild = patterns(rng, size)
            wide = rng.uniform(-150, 150, size).astype(np.float32)
            wide[rng.integers(0, 8, size) == 0] = -np.inf
            kind = rng.integers(0, 4, (shape["m"], 1))
            x = np.where(kind == 0, wild, np.where(kind == 1, np.float32(0) * x, wide)).astype(np.float32)
        return {"x": x}

    def lower(operands: Operands) -> Call:
        """Rows as they lie in memory, and the tables of exp and log."""
        x = bits(checked(operands))
        tables = {"exp_table": given(exp_table()), "log_table": given(log_table())}
        buffers = {"x": given(x), "y": room(x.shape, np.uint32), **tables}
        return Call(buffers, {"rows": x.shape[0], "columns": x.shape[1]})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"]

    def twin(operands: Operands) -> np.ndarray:
        """Maximum, exp(x - max), pairwise sum; then the quotient, or (x - max) - log(sum); all in float32."""
        x = checked(operands)
        y = np.empty(x.shape, np.uint32)
        _rows(x, logarithm, exp_table(), log_table(), y)
        return y

    def clamped(operands: Operands) -> tuple[int, int]:
        """Logarithms beyond the largest number, and results of rows with an infinite maximum but no NaN."""
        x = checked(operands)
        y = twin(operands).view(np.float32)
        rows = np.isnan(y).any(axis=1) & ~np.isnan(x).any(axis=1)
        return int(np.count_nonzero(np.isinf(y) & np.isfinite(x))), int(rows.sum()) * x.shape[1]

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, rows; of the tree of sums levels, elements left over and rounds; elements; rows of one and of two.

        The sum of such short rows is often 1 or close to it, where the logarithm is quicker.
        """
        m, n, (levels, odd, rounds) = shape["m"], shape["n"], levels_of(shape["n"])
        return 1, m, m * levels, m * odd, m * rounds, m * n, m * (n == 1), m * (n == 2)

    def work(shape: Shape) -> Work:
        """An element: 9 for the maximum, 82 for difference and exp, 34 for a sum, 32 for the quotient or difference."""
        return Work(0, shape["m"] * shape["n"], shape["m"] * shape["n"] * 157)

    dims = {"m": (1, 4), "n": (1, 90)}
    bench = ({"m": 1, "n": 1000}, {"m": 10, "n": 100}, {"m": 64, "n": 10})
    return Kernel(name, F32_SOFTMAX, dims, sample, lower, result, twin, features, work, bench, clamped)
