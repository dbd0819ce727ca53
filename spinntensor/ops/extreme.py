"""Maximum and minimum: of two tensors, along axes, and their positions. A NaN wins; -0 is below +0 (IEEE 754-2019)."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from numba import vectorize

from spinntensor.errors import ShapeError
from spinntensor.graph.autodiff import Gradient
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Node, TensorType
from spinntensor.graph.verify import Rule
from spinntensor.ops._compose import from_rows, in_rows, of_floats, parted
from spinntensor.ops._finite import canonical
from spinntensor.ops._rules import Attributes, Types, axes_of, axis_of, elementwise, of_format, signature
from spinntensor.ops.operation import Operation, Run, integers

FORMATS = ("float32", "int8", "uint8", "int32", "int64")
_NAN = np.float32(np.nan)
"""Its pattern is the canonical one, 0x7fc00000."""
_SHORT, _MANY = 24, 4096
"""Elements of a row, and of an operand, between which reductions go column by column."""


@vectorize(cache=True)
def _maximum(a, b):
    y = a if a > b else b
    y = a + b if (a == 0) & (b == 0) else y  # the sum of two zeros is -0 when both are
    return _NAN if (a != a) | (b != b) else y


@vectorize(cache=True)
def _minimum(a, b):
    y = a if a < b else b
    y = -(-a - b) if (a == 0) & (b == 0) else y
    return _NAN if (a != a) | (b != b) else y


def _run_pair(floats: Callable[..., np.ndarray], quick: Callable[..., np.ndarray]) -> Run:
    """By NumPy, `quick`, but for its choice between two zeros: so `floats` when there may be such."""

    def run(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.dtype.kind != "f":
            return np.asarray(quick(a, b))
        if b.size and not any(b.strides):  # one number throughout
            bound = b[(0,) * b.ndim]
            if bound != 0:
                return canonical(quick(a, bound))
            if quick is np.maximum and not np.signbit(bound):
                y = np.asarray(quick(a, bound))
                return canonical(np.add(y, bound, out=y))  # -0 + +0 is +0
        return np.asarray(floats(a, b))

    return run


def _pair_gradient(before: str) -> Gradient:
    """The cotangent goes to the first operand where it lies `before` the second or is NaN, else to the second one."""

    def gradient(b: Builder, node: Node, c: int) -> tuple[int, int]:
        x, y = node.inputs
        first = b.add(before, x, y, source=node.source)
        nan = b.add("not_equal", x, x, source=node.source)
        return parted(b, b.add("logical_or", first, nan, source=node.source), c, node.source)

    return of_floats(gradient)


def _some(op: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """ShapeError when there is no element along `axes`."""
    for axis in axes:
        if shape[axis] == 0:
            raise ShapeError(
                op, f"shape {shape}", f"elements along axis {axis}", "an empty axis has no extreme"
            )


def _along_rule(op: str) -> Rule:
    def rule(operands: Types, attributes: Attributes) -> TensorType:
        signature(op, operands, 1, attributes, "axes")
        x = operands[0]
        of_format(op, x, FORMATS)
        axes = axes_of(op, x.shape, attributes["axes"])
        _some(op, x.shape, axes)
        return TensorType(tuple(s for i, s in enumerate(x.shape) if i not in axes), x.format)

    return rule


def _position_rule(op: str) -> Rule:
    def rule(operands: Types, attributes: Attributes) -> TensorType:
        signature(op, operands, 1, attributes, "axis")
        x = operands[0]
        of_format(op, x, FORMATS)
        axis = axis_of(op, x.shape, attributes["axis"])
        _some(op, x.shape, (axis,))
        return TensorType((*x.shape[:axis], *x.shape[axis + 1 :]), "int64")

    return rule


def _reduced(ufunc: np.ufunc, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """NumPy's reduction; of many short rows column by column, which is faster."""
    count = prod(x.shape[i] for i in axes)
    if not 1 < count < _SHORT or x.size < _MANY or axes[0] + len(axes) != x.ndim:
        return np.asarray(ufunc.reduce(x, axis=axes))
    columns = x.reshape(*x.shape[: axes[0]], count)
    y = ufunc(columns[..., 0], columns[..., 1])
    for j in range(2, count):
        ufunc(y, columns[..., j], out=y)
    return y


def _run_max(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    """NumPy's maximum passes NaN on, but leaves open which of two zeros it is: +0 when there is one."""
    y = _reduced(np.maximum, x, axes)
    if x.dtype.kind != "f":
        return y
    zero = y == 0
    if np.count_nonzero(zero):
        plus = np.logical_or.reduce(x.view(np.int32) == 0, axis=axes)
        y = np.where(zero, np.where(plus, np.float32(0.0), np.float32(-0.0)), y)
    return canonical(y)


def _run_min(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    """Likewise: -0 when there is one."""
    y = _reduced(np.minimum, x, axes)
    if x.dtype.kind != "f":
        return y
    zero = y == 0
    if np.count_nonzero(zero):
        minus = np.logical_or.reduce(x.view(np.int32) == np.iinfo(np.int32).min, axis=axes)
        y = np.where(zero, np.where(minus, np.float32(-0.0), np.float32(0.0)), y)
    return canonical(y)


def _run_position(function: Callable[..., np.ndarray]) -> Run:
    def run(x: np.ndarray, *, axis: int) -> np.ndarray:
        return np.asarray(function(x, axis=axis), np.int64)

    return run


def _along_gradient(position: str) -> Gradient:
    """The cotangent goes wholly to the first extreme element, in row-major order of the axes.

    The elements along the axes are laid side by side, the position of the extreme is found in each row, and the
    cotangents are put there.
    """

    def gradient(b: Builder, node: Node, c: int) -> tuple[int]:
        source, axes = node.source, integers(node.op, "axes", node.attribute("axes"))
        x = in_rows(b, node.inputs[0], axes, source)
        rows, count = b[x].type.shape
        width = b.add("fill", source=source, shape=(rows,), format="int64", value=count)
        starts = b.add("multiply", b.add("iota", source=source, size=rows), width, source=source)
        place = b.add("add", starts, b.add(position, x, source=source, axis=1), source=source)
        c = b.add("reshape", c, source=source, shape=(rows,))
        back = b.add("scatter_add", c, place, source=source, axis=0, size=rows * count)
        return (from_rows(b, back, axes, b[node.inputs[0]].type.shape, source),)

    return of_floats(gradient)


def _pair(op: str, run: Run, before: str, summary: str) -> Operation:
    return Operation(op, elementwise(op, 2, FORMATS), run, _pair_gradient(before), FORMATS, summary)


OPERATIONS = (
    _pair("maximum", _run_pair(_maximum, np.maximum), "greater", "the larger of a and b"),
    _pair("minimum", _run_pair(_minimum, np.minimum), "less", "the smaller of a and b"),
    Operation(
        "max", _along_rule("max"), _run_max, _along_gradient("argmax"), FORMATS, "the largest along axes"
    ),
    Operation(
        "min", _along_rule("min"), _run_min, _along_gradient("argmin"), FORMATS, "the smallest along axes"
    ),
    Operation(
        "argmax",
        _position_rule("argmax"),
        _run_position(np.argmax),
        None,
        FORMATS,
        "first position of the largest along an axis",
    ),
    Operation(
        "argmin",
        _position_rule("argmin"),
        _run_position(np.argmin),
        None,
        FORMATS,
        "first position of the smallest along an axis",
    ),
)
"""For positions the zeros are equal, and the first NaN is the extreme of its row."""
