"""Pooling over the windows of NHWC images: maxima and their places, sums, and means of bytes.

Attributes of every operation: window and stride as (rows, columns), padding as (top, bottom, left, right), each less
than the window's size on its axis, so that every window sees at least one pixel. Windows that would leave the padding
are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spinntensor.errors import ShapeError
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.graph.verify import Rule
from spinntensor.kernels._mean import check_scaled
from spinntensor.kernels.parallel import split
from spinntensor.ops._finite import any_special, reported
from spinntensor.ops._pooling_loops import keys, maxima, means, positions, scaled, sums, trees
from spinntensor.ops._rules import Attributes, Types
from spinntensor.ops.convert import named, whole
from spinntensor.ops.operation import Counted, Operation
from spinntensor.ops.shape import STORED

BYTES = ("int8", "uint8")
MAXIMA = ("float32", *BYTES, "int32")
SUMS = ("float32", *BYTES)
WINDOW, ZERO = frozenset({"window", "stride", "padding"}), frozenset({"zero"})
MEAN = WINDOW | {"count_border", "zero", "zero_out", "multiplier"}


def _sizes(op: str, name: str, value: Attribute, count: int, least: int) -> tuple[int, ...]:
    if isinstance(value, tuple) and len(value) == count:
        found = tuple([v for v in value if type(v) is int and v >= least])
        if len(found) == count:
            return found
    raise ShapeError(op, f"{name} = {value!r}", f"{count} integers from {least} on", f"choose {name}")


def _placed(op: str, formats: tuple[str, ...], operands: Types, a: Attributes) -> tuple[int, ...]:
    """The shape of the results; ShapeError where a window does not fit or may see nothing but padding."""
    if len(operands) != 1:
        raise ShapeError(op, f"{len(operands)} operands", "1", "give the images")
    (x,) = operands
    if x.format not in formats:
        raise ShapeError(op, str(x), f"format {' or '.join(formats)}", "convert it first")
    h, w = _sizes(op, "window", a["window"], 2, 1)
    down, along = _sizes(op, "stride", a["stride"], 2, 1)
    top, bottom, left, right = _sizes(op, "padding", a["padding"], 4, 0)
    if len(x.shape) != 4 or 0 in x.shape[1:3]:
        raise ShapeError(op, str(x), "images [N,H,W,C] that have pixels", "reshape or transpose it")
    if max(top, bottom) >= h or max(left, right) >= w:
        received, expected = f"padding {a['padding']}", f"each less than the window {h, w}"
        raise ShapeError(op, received, expected, "cut the padding")
    n, height, width, channels = x.shape
    rows, columns = height + top + bottom - h, width + left + right - w
    if rows < 0 or columns < 0:
        received, expected = f"{x} with padding {a['padding']}", f"at least the window {h, w}"
        raise ShapeError(op, received, expected, "shrink the window")
    return n, rows // down + 1, columns // along + 1, channels


def _max_rule(op: str, result: str | None) -> Rule:
    def rule(operands: Types, a: Attributes) -> TensorType:
        named(op, a, WINDOW, frozenset())
        shape = _placed(op, MAXIMA, operands, a)
        return TensorType(shape, result or operands[0].format)

    return rule


def _over_windows(
    loop: Callable[..., Any], x: np.ndarray, y: np.ndarray, where: Any, *more: Any
) -> list[Any]:
    """What `loop` returns for the rows of all images; `where` is window, stride and padding."""
    if y.size == 0:
        return []
    size, stride, padding = where
    rows = y.shape[0] * y.shape[1]
    x = np.ascontiguousarray(x)
    return split(loop, rows, x.size, x, size, stride, (padding[0], padding[2]), *more, y)


def _shape(x: np.ndarray, window: Any, stride: Any, padding: Any) -> tuple[int, ...]:
    rows = (x.shape[1] + padding[0] + padding[1] - window[0]) // stride[0] + 1
    columns = (x.shape[2] + padding[2] + padding[3] - window[1]) // stride[1] + 1
    return x.shape[0], rows, columns, x.shape[3]


def _ordered(x: np.ndarray, equal_zeros: bool) -> np.ndarray:
    """float32 as integers that compare alike; other types as they are."""
    if x.dtype != np.float32:
        return x
    bits = np.ascontiguousarray(x).view(np.int32)
    found = np.empty_like(bits)
    split(keys, bits.size, bits.size, bits.reshape(-1), equal_zeros, found.reshape(-1))
    return found


def _run_max(x: np.ndarray, *, window: Any, stride: Any, padding: Any) -> np.ndarray:
    where = window, stride, padding
    found = _ordered(x, False)
    y = np.empty(_shape(x, *where), found.dtype)
    _over_windows(maxima, found, y, where)
    return y if found is x else (y ^ ((y >> 31) & 0x7FFFFFFF)).view(np.float32)


def _run_max_index(x: np.ndarray, *, window: Any, stride: Any, padding: Any) -> np.ndarray:
    where = window, stride, padding
    y = np.empty(_shape(x, *where), np.int64)
    _over_windows(positions, _ordered(x, True), y, where)
    return y


def _max_gradient(b: Builder, node: Node, c: int) -> tuple[int | None]:
    """Each cotangent goes to the first maximum of its window; those of windows that share it are added up."""
    (x,), kind = node.inputs, b[node.inputs[0]].type
    if kind.format != "float32":
        return (None,)
    index = b.add("max_pool_index", x, source=node.source, **dict(node.attributes))
    flat = [b.add("reshape", i, source=node.source, shape=(node.type.size,)) for i in (c, index)]
    back = b.add("scatter_add", *flat, source=node.source, axis=0, size=kind.size)
    return (b.add("reshape", back, source=node.source, shape=kind.shape),)


def _sum_rule(operands: Types, a: Attributes) -> TensorType:
    named("sum_pool", a, WINDOW, ZERO)
    shape = _placed("sum_pool", SUMS, operands, a)
    (x,), zero = operands, a.get("zero", 0)
    if x.format == "float32":
        whole("sum_pool", "zero", zero, 0, 0)
        return TensorType(shape, "float32")
    info = np.iinfo(STORED[x.format])
    whole("sum_pool", "zero", zero, int(info.min), int(info.max))
    h, w = _sizes("sum_pool", "window", a["window"], 2, 1)
    check_scaled("sum_pool", h * w, 0)
    return TensorType(shape, "int32")


def _run_sum(x: np.ndarray, *, window: Any, stride: Any, padding: Any, zero: int = 0) -> np.ndarray | Counted:
    where = window, stride, padding
    shape = _shape(x, *where)
    if x.dtype != np.float32:
        total = np.empty(shape, np.int32)
        _over_windows(sums, x, total, where, zero)
        return total
    y = np.empty(shape, np.float32)
    _over_windows(trees, x, y, where)
    if not any_special(y.reshape(-1)):
        return y
    special, nan = [
        _run_max(found.view(np.uint8), window=window, stride=stride, padding=padding)
        for found in (~np.isfinite(x), np.isnan(x))
    ]
    return reported(y, special == 0, nan != 0)


def _sum_gradient(b: Builder, node: Node, c: int) -> tuple[int | None]:
    """Each pixel takes the cotangents of the windows over it: a sum over windows of the cotangents, spread out."""
    kind = b[node.inputs[0]].type
    a: dict[str, Any] = dict(node.attributes)
    if kind.format != "float32":
        return (None,)
    (h, w), padding = a["window"], a["padding"]
    n, height, width, channels = kind.shape
    frame, start = (
        (n, height + h - 1, width + w - 1, channels),
        (0, h - 1 - padding[0], w - 1 - padding[2], 0),
    )
    spread = b.add("place", c, source=node.source, start=start, step=(1, *a["stride"], 1), shape=frame)
    back = {"window": (h, w), "stride": (1, 1), "padding": (0, 0, 0, 0)}
    return (b.add("sum_pool", spread, source=node.source, **back),)


def _mean_rule(operands: Types, a: Attributes) -> TensorType:
    op = "avg_pool_q"
    named(op, a, MEAN, frozenset())
    shape = _placed(op, BYTES, operands, a)
    info = np.iinfo(STORED[operands[0].format])
    zero, out = [whole(op, name, a[name], int(info.min), int(info.max)) for name in ("zero", "zero_out")]
    count_border, multiplier = a["count_border"], a["multiplier"]
    if not isinstance(count_border, bool):
        raise ShapeError(op, f"count_border = {count_border!r}", "True or False", "choose one")
    m = 0 if multiplier is None else whole(op, "multiplier", multiplier, 1, (1 << 31) - 1)
    if m and not count_border and any(a["padding"]):  # type: ignore[arg-type]  # a tuple, as _placed has seen
        expected = "None where padding is left out of the mean"
        raise ShapeError(op, f"multiplier {m}", expected, "requantize in a step of its own")
    if not m and zero != out:
        expected = f"zero_out = {zero}, for a mean keeps scale and zero point"
        raise ShapeError(op, f"zero_out = {out}", expected, "give a multiplier to change them")
    h, w = _sizes(op, "window", a["window"], 2, 1)
    check_scaled(op, h * w, m)
    return TensorType(shape, operands[0].format)


def _run_mean(
    x: np.ndarray,
    *,
    window: Any,
    stride: Any,
    padding: Any,
    count_border: bool,
    zero: int,
    zero_out: int,
    multiplier: int | None,
) -> np.ndarray | Counted:
    where = window, stride, padding
    y = np.empty(_shape(x, *where), x.dtype)
    if multiplier is None:
        _over_windows(means, x, y, where, zero, count_border)
        return y
    info = np.iinfo(x.dtype)
    bounds = zero_out, int(info.min), int(info.max)
    saturated = sum(_over_windows(scaled, x, y, where, zero, multiplier, bounds))
    return Counted(y, {"saturated": saturated}) if saturated else y


OPERATIONS = (
    Operation(
        "max_pool",
        _max_rule("max_pool", None),
        _run_max,
        _max_gradient,
        MAXIMA,
        "the largest element under each window; padding never is, a NaN always is",
    ),
    Operation(
        "max_pool_index",
        _max_rule("max_pool_index", "int64"),
        _run_max_index,
        None,
        MAXIMA,
        "the flat index into the images of the first largest element under each window",
    ),
    Operation(
        "sum_pool",
        _sum_rule,
        _run_sum,
        _sum_gradient,
        SUMS,
        "sums over windows: a pairwise tree for float32, exact int32 sums of x - zero for bytes",
    ),
    Operation(
        "avg_pool_q",
        _mean_rule,
        _run_mean,
        None,
        BYTES,
        "rounded means of bytes on the same scale, or on another one by a multiplier",
    ),
)
