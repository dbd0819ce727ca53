"""float32 to whole numbers, and its sign: floor, ceil, trunc, round (half to even), sign; slope 0 everywhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spinntensor.ops._compose import nothing
from spinntensor.ops._finite import canonical
from spinntensor.ops._rules import elementwise
from spinntensor.ops.operation import Operation, Run

FLOAT = ("float32",)


def _run(ufunc: Callable[[np.ndarray], np.ndarray]) -> Run:
    def run(x: np.ndarray) -> np.ndarray:
        return canonical(ufunc(x))

    return run


OPERATIONS = tuple(
    Operation(op, elementwise(op, 1, FLOAT), _run(ufunc), nothing, FLOAT, summary)
    for op, ufunc, summary in (
        ("floor", np.floor, "the largest whole number that is not above"),
        ("ceil", np.ceil, "the smallest whole number that is not below"),
        ("trunc", np.trunc, "without the part after the point"),
        ("round", np.rint, "the nearest whole number, the even one of two"),
        ("sign", np.sign, "-1, +0 or 1"),
    )
)
"""Zeros, and numbers rounded to zero, keep their sign but for `sign`, which is +0 for both zeros."""
