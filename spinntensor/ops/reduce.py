"""Sums and products along axes, defined by the logical index alone: a fixed tree in float32, exact in integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Node, TensorType
from spinntensor.graph.verify import Rule
from spinntensor.ops import _exact
from spinntensor.ops._compose import filled, from_rows, in_rows, of_floats, spread
from spinntensor.ops._finite import any_special, reported
from spinntensor.ops._rules import Attributes, Types, axes_of, of_format, signature
from spinntensor.ops._tree import tree_along
from spinntensor.ops.operation import Counted, Operation, Run, integers

SUM = {f: f for f in ("float32", "int32", "int64")} | {f: "int32" for f in ("int8", "uint8", "bool")}
"""Format of a sum by its operand's: codes are added up, and conditions counted, in int32."""
PROD = {f: f for f in ("float32", "int32", "int64")}
CONDITION = {"bool": "bool"}


def _rule(op: str, results: Mapping[str, str]) -> Rule:
    """`axes` are dropped; an empty axis is welcome, as no element has a sum, a product and a logical value."""
    formats = tuple(results)

    def rule(operands: Types, attributes: Attributes) -> TensorType:
        signature(op, operands, 1, attributes, "axes")
        x = operands[0]
        of_format(op, x, formats)
        axes = axes_of(op, x.shape, attributes["axes"])
        return TensorType(tuple(s for i, s in enumerate(x.shape) if i not in axes), results[x.format])

    return rule


def along(x: np.ndarray, axes: tuple[int, ...]) -> int:
    """Number of elements of which each result is made."""
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    return count


def _floats(y: np.ndarray, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray | Counted:
    """The float32 results `y` of elements of `x`, NaN canonical and counted."""
    if not any_special(y.ravel("K")):
        return y
    return reported(y, np.isfinite(x).all(axis=axes), np.isnan(x).any(axis=axes))


def _run_sum(x: np.ndarray, *, axes: tuple[int, ...]):
    """The tree runs over the summed elements in row-major order of their axes; no element gives 0."""
    if x.dtype.kind == "f":
        y = tree_along(x, axes) if x.size else np.zeros(_kept(x, axes), np.float32)
        return _floats(y, x, axes)
    count, result = along(x, axes), x.dtype if x.dtype.itemsize > 1 else np.dtype(np.int32)
    if x.dtype.itemsize == 1 and count < 1 << 23:  # at most 255 each
        return np.asarray(np.add.reduce(x, axis=axes, dtype=np.int32))
    return _exact.accumulated("sum", x, count, lambda v: np.add.reduce(v, axis=axes), result)


def _kept(x: np.ndarray, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(s for i, s in enumerate(x.shape) if i not in axes)


def _sum_gradient(b: Builder, node: Node, c: int) -> tuple[int]:
    axes = integers("sum", "axes", node.attribute("axes"))
    return (spread(b, c, axes, b[node.inputs[0]].type.shape, node.source),)


def _rows(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The elements of each result as a row."""
    order = (*(i for i in range(x.ndim) if i not in axes), *axes)
    count = along(x, axes)
    return x.transpose(order).reshape(x.size // count, count)


def _run_prod(x: np.ndarray, *, axes: tuple[int, ...]):
    """The sum's tree with products, or the exact integer; no element gives 1."""
    if along(x, axes) == 0 or x.size == 0:
        return np.ones(_kept(x, axes), x.dtype)
    rows, shape = _rows(x, axes), _kept(x, axes)
    if x.dtype.kind != "f":
        return _exact.products("prod", rows).reshape(shape)
    while rows.shape[1] > 1:
        pairs = rows[:, 0:-1:2] * rows[:, 1::2]
        rows = np.concatenate([pairs, rows[:, -1:]], axis=1) if rows.shape[1] % 2 else pairs
    return _floats(rows[:, 0].reshape(shape), x, axes)


def _prod_gradient(b: Builder, node: Node, c: int) -> tuple[int]:
    """The tree differentiated: down its levels, each half takes the cotangent times the other half.

    So every element gets the cotangent times the product of all others, without a division.
    """
    source, axes = node.source, integers("prod", "axes", node.attribute("axes"))
    shape = b[node.inputs[0]].type.shape
    if 0 in shape:
        return (filled(b, node.inputs[0], 0.0, source),)
    x = in_rows(b, node.inputs[0], axes, source)
    rows, n = b[x].type.shape

    def part(x: int, start: int, step: int, size: int) -> int:
        return b.add("slice", x, source=source, start=(0, start), step=(1, step), size=(rows, size))

    def times(x: int, y: int, *extra: int) -> int:
        y = b.add("multiply", x, y, source=source)
        return b.add("reshape", y, source=source, shape=(*b[y].type.shape, *extra)) if extra else y

    levels: list[tuple[int, int]] = []
    while n > 1:
        even, odd = part(x, 0, 2, n // 2), part(x, 1, 2, n // 2)
        levels.append((even, odd))
        pairs = times(even, odd)
        x = b.add("concatenate", pairs, part(x, n - 1, 1, 1), source=source, axis=1) if n % 2 else pairs
        n = (n + 1) // 2
    c = b.add("reshape", c, source=source, shape=(rows, 1))
    for even, odd in reversed(levels):
        half, n = b[even].type.shape[1], b[c].type.shape[1]
        above = c if n == half else part(c, 0, 1, half)
        mixed = b.add("concatenate", times(above, odd, 1), times(above, even, 1), source=source, axis=2)
        mixed = b.add("reshape", mixed, source=source, shape=(rows, 2 * half))
        c = mixed if n == half else b.add("concatenate", mixed, part(c, half, 1, 1), source=source, axis=1)
    return (from_rows(b, c, axes, shape, source),)


def _run_logical(ufunc: Callable[..., np.ndarray]) -> Run:
    def run(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
        return np.asarray(ufunc(x, axis=axes))

    return run


OPERATIONS = (
    Operation("sum", _rule("sum", SUM), _run_sum, of_floats(_sum_gradient), tuple(SUM), "sum along axes"),
    Operation(
        "prod", _rule("prod", PROD), _run_prod, of_floats(_prod_gradient), tuple(PROD), "product along axes"
    ),
    Operation(
        "any",
        _rule("any", CONDITION),
        _run_logical(np.logical_or.reduce),
        None,
        ("bool",),
        "whether one holds along axes",
    ),
    Operation(
        "all",
        _rule("all", CONDITION),
        _run_logical(np.logical_and.reduce),
        None,
        ("bool",),
        "whether all hold along axes",
    ),
)
