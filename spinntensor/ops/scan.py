"""Running sums along an axis: one addition after the other, in the order of the index."""

from __future__ import annotations

import numpy as np

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Node, TensorType
from spinntensor.ops import _exact
from spinntensor.ops._compose import of_floats
from spinntensor.ops._finite import any_special, reported
from spinntensor.ops._rules import WIDE, Attributes, Types, axis_of, of_format, signature
from spinntensor.ops.operation import Operation

FORMATS = ("float32", *WIDE)


def _rule(operands: Types, attributes: Attributes) -> TensorType:
    signature("cumsum", operands, 1, attributes, "axis")
    x = operands[0]
    of_format("cumsum", x, FORMATS)
    axis_of("cumsum", x.shape, attributes["axis"])
    return x


def _run(x: np.ndarray, *, axis: int):
    """float32: each sum is rounded; integers: each must be of the type."""
    if x.dtype.kind != "f":
        return _exact.accumulated(
            "cumsum", x, x.shape[axis], lambda v: np.add.accumulate(v, axis=axis), x.dtype
        )
    y = np.add.accumulate(x, axis=axis)
    if not any_special(y.ravel("K")):
        return y
    finite = np.logical_and.accumulate(np.isfinite(x), axis=axis)
    return reported(y, finite, np.logical_or.accumulate(np.isnan(x), axis=axis))


def _gradient(b: Builder, node: Node, c: int) -> tuple[int]:
    """An element is in every sum from its own on: the running sum from the end."""
    axis, shape = node.attribute("axis"), node.type.shape

    def turned(x: int) -> int:
        start = tuple(s - 1 if i == axis and s else 0 for i, s in enumerate(shape))
        step = tuple(-1 if i == axis else 1 for i in range(len(shape)))
        return b.add("slice", x, source=node.source, start=start, size=shape, step=step)

    return (turned(b.add("cumsum", turned(c), source=node.source, axis=axis)),)


OPERATIONS = (Operation("cumsum", _rule, _run, of_floats(_gradient), FORMATS, "running sum along an axis"),)
