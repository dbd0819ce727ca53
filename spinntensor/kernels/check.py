"""Checks that every kernel makes of its operands before anything is packed: type, shape, range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spinntensor.errors import OperandError, RangeError


def array(
    kernel: str, name: str, value: Any, dtype: Any, ndim: int, sizes: Mapping[int, int] | None = None
) -> np.ndarray:
    """`value` as a contiguous array, or OperandError when type, rank, a size or emptiness is wrong."""
    dtype = np.dtype(dtype)
    if not isinstance(value, np.ndarray):
        raise OperandError(
            kernel, name, f"a {type(value).__name__}", f"a {dtype} array", "pass a NumPy array"
        )
    if value.dtype != dtype:
        raise OperandError(
            kernel, name, f"{value.dtype}", f"{dtype}", f"convert it: {name}.astype(np.{dtype})"
        )
    if value.ndim != ndim:
        raise OperandError(kernel, name, f"shape {value.shape}", f"{ndim} axes", "reshape it")
    if 0 in value.shape:
        raise OperandError(
            kernel, name, f"shape {value.shape}", "no empty axis", "leave the call out: there is no work"
        )
    for axis, size in (sizes or {}).items():
        if value.shape[axis] != size:
            raise OperandError(
                kernel, name, f"shape {value.shape}", f"size {size} on axis {axis}", "make the operands agree"
            )
    return np.ascontiguousarray(value)


def word(kernel: str, name: str, value: Any, low: int, high: int) -> int:
    """`value` as an int in [low, high], or OperandError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise OperandError(
            kernel, name, f"{value!r}", f"an integer from {low} to {high}", f"choose {name} in that range"
        )
    return int(value)


def largest(x: np.ndarray | None) -> int:
    """The largest magnitude in `x`; 0 for None."""
    return 0 if x is None else max(int(x.max()), -int(x.min()))


def prove_sum(kernel: str, a: np.ndarray, b: np.ndarray, k: int, start: np.ndarray | None, bits: int) -> None:
    """RangeError unless `k * max|a| * max|b| + max|start|` stays below 2**bits: then no partial sum can overflow."""
    bound = k * largest(a) * largest(b) + largest(start)
    if bound >= 1 << bits:
        raise RangeError(
            kernel,
            bound,
            (1 << bits) - 1,
            f"the bound is k * max|a| * max|b| + max|c| = {k} * {largest(a)} * {largest(b)} + {largest(start)}:"
            " use the kernel that folds its sums to 64 bits, or narrower operands",
        )
