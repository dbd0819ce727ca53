"""What a kernel is: one record that binds contract, packing, host twin and cycle features of one operation.

A kernel is declared once in its own file and listed in the table (`spinntensor.kernels.kernels`). Tests, benchmarks
and estimators walk that table, so a new kernel is tested and measured by being listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spinntensor.abi import Struct

Shape = Mapping[str, int]
"""Logical sizes by name, such as m, n and k."""

Operands = Mapping[str, Any]
"""Logical operands by name: arrays in natural layout, and scalars such as a multiplier."""


@dataclass(frozen=True)
class Buffer:
    """An array of a call in a core's DTCM.

    `role` is `in` (read), `out` (written, holds nothing before), `inout` or `scratch`. `data` is given for `in` and
    `inout`, else `shape` and `dtype` say how much room to make.
    """

    role: str
    shape: tuple[int, ...]
    dtype: np.dtype
    data: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


def given(data: np.ndarray, role: str = "in") -> Buffer:
    """A buffer that holds `data` when the kernel starts."""
    data = np.ascontiguousarray(data)
    return Buffer(role, data.shape, data.dtype, data)


def room(shape: int | tuple[int, ...], dtype: Any, role: str = "out") -> Buffer:
    """A buffer that the kernel fills."""
    return Buffer(role, (shape,) if isinstance(shape, int) else tuple(shape), np.dtype(dtype))


@dataclass(frozen=True)
class Call:
    """One kernel call as the core sees it: buffers for the pointer fields of the record, words for the rest."""

    buffers: Mapping[str, Buffer]
    words: Mapping[str, int]


@dataclass(frozen=True)
class Work:
    """What one call computes, and the cycles below which its instructions cannot be issued.

    `macs` logical multiply-accumulates, `elements` outputs, `bound` issue cycles of loads, stores and arithmetic of
    the inner loop alone, with no loop, call or stall (the roof that `fraction of the issue bound` refers to).
    """

    macs: int
    elements: int
    bound: float


@dataclass(frozen=True)
class Kernel:
    """An operation that one core executes on operands in its DTCM.

    Parameters
    ----------
    name : name of the symbol, of the source files and of this kernel's Python file.
    args : argument record (`spinntensor.abi`); the core gets its address in r0.
    dims : range of every logical size from which tests draw: name -> (lowest, highest), both included.
    sample : `(rng, shape, extreme) -> operands`; `extreme` asks for values at the ends of their ranges.
    lower : `operands -> Call`; packs, and raises OperandError / RangeError for what the kernel cannot do exactly.
    result : `(operands, outputs by field name) -> array` takes the core's raw outputs back to logical layout.
    twin : `operands -> array`; the host's own computation of the same bits (numba), from logical operands.
    features : `shape -> numbers` whose weighted sum is the model cycles of a call; the weights are in `cycles.json`.
    work : `shape -> Work`.
    bench : shapes of the benchmark lines.
    clamped : `operands -> (first, second)`; what the call adds to the words in which kernels count what they clamp or
        what overflows (`abi.memory.CLAMPED`).
    """

    name: str
    args: Struct
    dims: Mapping[str, tuple[int, int]]
    sample: Callable[[np.random.Generator, Shape, bool], Operands]
    lower: Callable[[Operands], Call]
    result: Callable[[Operands, Mapping[str, np.ndarray]], np.ndarray]
    twin: Callable[[Operands], np.ndarray]
    features: Callable[[Shape], tuple[float, ...]]
    work: Callable[[Shape], Work]
    bench: tuple[Shape, ...] = field(default=())
    clamped: Callable[[Operands], tuple[int, int]] = lambda operands: (0, 0)


def draw_shape(kernel: Kernel, rng: np.random.Generator, stretch: float = 1.0) -> dict[str, int]:
    """A shape within the kernel's ranges, their upper ends stretched except for those of switches (0 or 1)."""
    tops = {d: (low, high if high <= 1 else int(high * stretch)) for d, (low, high) in kernel.dims.items()}
    return {d: int(rng.integers(low, high + 1)) for d, (low, high) in tops.items()}


def equal_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays agree in type, shape and every bit: -0 is not +0, and a NaN equals just its own pattern."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
