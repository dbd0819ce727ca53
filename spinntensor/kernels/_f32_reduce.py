"""Row reductions of float32: sum by a pairwise tree, maximum, position of the maximum or largest magnitude."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_vector import F32_REDUCE, F32_SUM
from spinntensor.kernels._f32 import bits, canonical, events, numbers, rounds_of
from spinntensor.kernels._f32_eltwise import extreme_of
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

_CYCLES = {"reduce_sum": 42, "reduce_max": 7, "reduce_argmax": 8, "iamax": 7}
"""Issue cycles of an element, loads included."""


def tree_sums(x: np.ndarray) -> np.ndarray:
    """Row sums: tree(x[0:n]) = tree(x[0:p]) + tree(x[p:n]) with p the largest power of two below n.

    Level by level this adds neighbours, and an element left over goes to the next level as it is.
    """
    while x.shape[1] > 1:
        *_, x = _level(x)
    return canonical(x[:, 0])


def _level(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is added to what in a level of the tree, and the next level's elements, the sums first."""
    a, b = x[:, 0:-1:2], x[:, 1::2]
    with np.errstate(all="ignore"):
        sums = a + b
    return a, b, np.concatenate([sums, x[:, -1:]], axis=1) if x.shape[1] % 2 else sums


def levels_of(n: int) -> tuple[int, int, int]:
    """Levels of the tree over n elements, those with an element left over, and rounds of additions in all."""
    levels = odd = rounds = 0
    while n > 1:
        levels, odd, rounds, n = levels + 1, odd + n % 2, rounds + rounds_of(n // 2), (n + 1) // 2
    return levels, odd, rounds


def declare(name: str) -> Kernel:
    """The kernel `f32_reduce_sum`, `f32_reduce_max`, `f32_reduce_argmax` or `f32_iamax`.

    **Shape** x[M,N] -> y[M], float32, or int32 for positions. Sums follow `tree_sums`; a NaN in a row makes its sum
    and its maximum NaN; positions are those of the first NaN, else of the first largest element, where -0 equals +0.
    """
    op = name.removeprefix("f32_")
    position = op in ("reduce_argmax", "iamax")

    def checked(operands: Operands) -> np.ndarray:
        return array(name, "x", operands["x"], np.float32, 2)

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        x = numbers(rng, (shape["m"], shape["n"]), extreme)
        if extreme and rng.integers(2):
            x = np.where(np.isfinite(x), x, np.float32(-0.0))
        return {"x": x}

    def lower(operands: Operands) -> Call:
        x = checked(operands)
        rows, columns = x.shape
        buffers = {"x": given(bits(x)), "y": room(rows, np.uint32)}
        if op == "reduce_sum":
            buffers["scratch"] = room((columns + 1) // 2, np.uint32, "scratch")
        return Call(buffers, {"rows": rows, "columns": columns})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"].view(np.int32 if position else np.float32)

    def twin(operands: Operands) -> np.ndarray:
        """One result for every row."""
        x = checked(operands)
        if op == "reduce_sum":
            return tree_sums(x)
        if op == "reduce_max":
            best = x[:, 0]
            for j in range(1, x.shape[1]):
                best = extreme_of("max", best, x[:, j])
            return canonical(best)
        return np.argmax(np.abs(x) if op == "iamax" else x, axis=1).astype(np.int32)

    def clamped(operands: Operands) -> tuple[int, int]:
        """Of sums, the additions that overflow or are not valid."""
        if op != "reduce_sum":
            return 0, 0
        x, counted = checked(operands), (0, 0)
        while x.shape[1] > 1:
            a, b, x = _level(x)
            overflowed, invalid = events(x[:, : a.shape[1]], a, b)
            counted = counted[0] + overflowed, counted[1] + invalid
        return counted

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, rows, rounds and elements; for sums also levels and elements left over."""
        m, n = shape["m"], shape["n"]
        if op != "reduce_sum":
            return (1, m, m * rounds_of(n), m * n)
        levels, odd, rounds = levels_of(n)
        return (1, m, m * levels, m * odd, m * rounds, m * (n - 1))

    def work(shape: Shape) -> Work:
        """The instructions for one element."""
        elements = shape["m"] * shape["n"]
        return Work(0, elements, elements * _CYCLES[op])

    args = F32_SUM if op == "reduce_sum" else F32_REDUCE
    dims = {"m": (1, 5), "n": (1, 40)}
    bench: tuple[Shape, ...] = ({"m": 8, "n": 256}, {"m": 2, "n": 1000})
    return Kernel(name, args, dims, sample, lower, result, twin, features, work, bench, clamped)
