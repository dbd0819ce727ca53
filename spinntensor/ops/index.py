"""Gathers by index, and their adjoint: slices that are added up in the places an index names."""

from __future__ import annotations

import numpy as np
from numba import njit

from spinntensor.errors import OperandError, ShapeError
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Node, TensorType
from spinntensor.ops import _exact
from spinntensor.ops._compose import of_floats
from spinntensor.ops._finite import any_special, reported
from spinntensor.ops._rules import PLAIN, WIDE, Attributes, Types, axis_of, of_format, signature
from spinntensor.ops.operation import Operation

SUMS = ("float32", *WIDE)


def _take_rule(operands: Types, attributes: Attributes) -> TensorType:
    """The index's shape takes the place of the axis."""
    signature("take", operands, 2, attributes, "axis")
    x, index = operands
    of_format("take", x, PLAIN)
    of_format("take", index, WIDE)
    axis = axis_of("take", x.shape, attributes["axis"])
    if x.shape[axis] == 0 and index.size:
        raise ShapeError(
            "take", f"{index} into {x}", f"elements along axis {axis}", "take none, or from another"
        )
    return TensorType((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]), x.format)


def check_inside(op: str, index: np.ndarray, size: int) -> None:
    """OperandError when an index names no element of an axis of this size."""
    if index.size and (index.min() < 0 or index.max() >= size):
        first = int(index[(index < 0) | (index >= size)][0])
        mend = f"count from the front, in an axis of {size}"
        raise OperandError(op, "index", f"{first} among its elements", f"indices from 0 to {size - 1}", mend)


def _run_take(x: np.ndarray, index: np.ndarray, *, axis: int) -> np.ndarray:
    check_inside("take", index, x.shape[axis])
    return np.asarray(x.take(index, axis, mode="clip"))  # clips nothing: it is the quick way


def _take(b: Builder, node: Node, c: int) -> tuple[int, None]:
    x, index = node.inputs
    axis = node.attribute("axis")
    assert isinstance(axis, int)
    size = b[x].type.shape[axis]
    return b.add("scatter_add", c, index, source=node.source, axis=axis, size=size), None


def _scatter_rule(operands: Types, attributes: Attributes) -> TensorType:
    """The axes of the index, from `axis` on, become one axis of `size` elements."""
    signature("scatter_add", operands, 2, attributes, "axis", "size")
    c, index = operands
    of_format("scatter_add", c, SUMS)
    of_format("scatter_add", index, WIDE)
    axis, size = attributes["axis"], attributes["size"]
    if type(size) is not int or size < 0 or (size == 0 and index.size):
        raise ShapeError("scatter_add", f"size {size!r} for {index}", "room for the indices", "choose size")
    end = len(index.shape)
    if type(axis) is not int or not 0 <= axis <= len(c.shape) - end:
        wanted = f"an axis from 0 to {len(c.shape) - end}"
        raise ShapeError("scatter_add", f"axis {axis!r} for {c} and {index}", wanted, "choose an axis")
    end += axis
    if c.shape[axis:end] != index.shape:
        wanted = f"the index's shape from axis {axis} on"
        raise ShapeError("scatter_add", f"{c} and {index}", wanted, "broadcast or reshape one")
    return TensorType((*c.shape[:axis], size, *c.shape[end:]), c.format)


@njit(cache=True, nogil=True)
def _add_rows(c: np.ndarray, index: np.ndarray, y: np.ndarray) -> None:
    """y[a, index[i], b] += c[a, i, b], i rising."""
    stacks, count, width = c.shape
    for a in range(stacks):
        if width == 1:
            for i in range(count):
                y[a, index[i], 0] += c[a, i, 0]
            continue
        for i in range(count):
            source, target = c[a, i], y[a, index[i]]
            for k in range(width):
                target[k] += source[k]


def _scattered(c: np.ndarray, index: np.ndarray, axis: int, size: int) -> np.ndarray:
    """Zeros with the slices of `c` added one after the other, in row-major order of the index."""
    shape = (*c.shape[:axis], size, *c.shape[axis + index.ndim :])
    y = np.zeros(shape, c.dtype)
    if c.size:
        before = 1
        for n in shape[:axis]:
            before *= n
        flat = np.ascontiguousarray(index, np.int64).reshape(-1)
        _add_rows(np.ascontiguousarray(c).reshape(before, flat.size, -1), flat, y.reshape(before, size, -1))
    return y


def _run_scatter(c: np.ndarray, index: np.ndarray, *, axis: int, size: int):
    """float32: each sum is rounded; integers: exact, or refused."""
    check_inside("scatter_add", index, size)
    if c.dtype.kind != "f":
        sums = _exact.accumulated(
            "scatter_add", c, index.size, lambda v: _scattered(v, index, axis, size), c.dtype
        )
        return sums
    y = _scattered(c, index, axis, size)
    if not any_special(y.reshape(-1)):
        return y
    infinite, nan = (_scattered(f(c).astype(np.int64), index, axis, size) for f in (np.isinf, np.isnan))
    return reported(y, (infinite + nan) == 0, nan > 0)


def _scatter_add(b: Builder, node: Node, c: int) -> tuple[int, None]:
    return b.add("take", c, node.inputs[1], source=node.source, axis=node.attribute("axis")), None


OPERATIONS = (
    Operation(
        "take", _take_rule, _run_take, of_floats(_take), PLAIN, "the slices that an index names along an axis"
    ),
    Operation(
        "scatter_add",
        _scatter_rule,
        _run_scatter,
        of_floats(_scatter_add),
        SUMS,
        "zeros, with slices added where an index names",
    ),
)
