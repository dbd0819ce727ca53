"""What exp, log, tanh and sigmoid of float32 share: packing, twin, samples and cycle counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numba import njit

from spinntensor.abi.float_math import F32_UNARY
from spinntensor.kernels._f32 import events
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

SPECIAL = np.array(
    [0, 1, 0x7FFFFF, 0x800000, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x397FFFFF, 0x39800000, 0x41102CB3]
    + [0x4117FFFF, 0x41180000, 0x42AE0000, 0x42AE0001, 0x42AEAC50, 0x42B17217, 0x42B17218, 0x42CFF1B4]
    + [0x42CFF1B5, 0x42CFFFFF, 0x42D00000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF],
    np.uint32,
)
"""Patterns at which a function changes its path, without sign."""


def bits(x: np.ndarray) -> np.ndarray:
    """The patterns of float32 numbers as uint32."""
    return np.ascontiguousarray(x).view(np.uint32)


def patterns(rng: np.random.Generator, size: int | tuple[int, ...]) -> np.ndarray:
    """Any float32 at all, a quarter of them at the ends of ranges: subnormal, infinite and NaN included."""
    x = rng.integers(0, 1 << 32, size, dtype=np.uint32)
    edge = rng.choice(SPECIAL, size) | rng.choice(np.array([0, 1 << 31], np.uint32), size)
    return np.where(rng.integers(0, 4, size) == 0, edge, x).view(np.float32)


def declare(
    name: str, f: Callable[..., int], table: Callable[[], np.ndarray], low: float, high: float, bound: int
) -> Kernel:
    """The kernel `f32_<function>` of float32 arrays.

    **Shape** x of any shape -> y, uint32 patterns, of that shape; `y.view(np.float32)` are the numbers. There is no
    value that it refuses.

    Parameters
    ----------
    f : its definition on one pattern, with `table()` as second argument.
    low, high : where the samples lie: operands that take the main path, whose cycles the estimator gives.
    bound : issue cycles of one element.
    """

    @njit
    def every(x: np.ndarray, words: np.ndarray, y: np.ndarray) -> None:
        for i in range(x.size):
            y[i] = f(np.int64(x[i]), words)

    def checked(operands: Operands) -> np.ndarray:
        x = operands["x"]
        return array(name, "x", x, np.float32, getattr(x, "ndim", 1) or 1)

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        n = shape["n"]
        return {"x": patterns(rng, n) if extreme else rng.uniform(low, high, n).astype(np.float32)}

    def lower(operands: Operands) -> Call:
        """The array as it lies in memory, and the table of constants."""
        x = bits(checked(operands)).reshape(-1)
        buffers = {"x": given(x), "y": room(x.size, np.uint32), "table": given(table())}
        return Call(buffers, {"count": x.size})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"].reshape(operands["x"].shape)

    def twin(operands: Operands) -> np.ndarray:
        """The function of every element, as patterns."""
        x = checked(operands)
        y = np.empty(x.size, np.uint32)
        every(bits(x).reshape(-1), table(), y)
        return y.reshape(x.shape)

    def clamped(operands: Operands) -> tuple[int, int]:
        """What overflows and what is not valid."""
        return events(twin(operands).view(np.float32), checked(operands))

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, rounds of four and elements; elements off the main path may take fewer or more cycles."""
        return 1, -(-shape["n"] // 4), shape["n"]

    def work(shape: Shape) -> Work:
        return Work(0, shape["n"], shape["n"] * bound)

    dims, bench = {"n": (1, 300)}, ({"n": 1024}, {"n": 64})
    return Kernel(name, F32_UNARY, dims, sample, lower, result, twin, features, work, bench, clamped)
