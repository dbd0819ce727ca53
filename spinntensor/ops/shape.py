"""Operations that move elements and compute nothing: the same for every format, and exact.

A bfp16 tensor with one exponent is moved by its mantissas. With an exponent for each index of an axis, that axis may
be permuted, or stay whole; anything that would mix its indices is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import copysign, prod
from typing import Any

import numpy as np

from spinntensor.errors import ShapeError
from spinntensor.formats.description import Bfp16, Grid, Quantized
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.ops._rules import PLAIN, Attributes, Types, signature
from spinntensor.ops.operation import DTYPES, FORMATS, Operation, Value, integers

STORED: Mapping[str, Any] = DTYPES
"""The same table with a type that NumPy's functions take."""


@lru_cache(64)
def bfp16_axis(form: str) -> int | None:
    """The axis that has an exponent for each index, of a bfp16 format's text; None for all other formats."""
    if form.startswith("bfp16(axis=") and form[11:-1].isdigit() and form[-1] == ")":
        return int(form[11:-1])
    return None


def _known(op: str, form: str) -> None:
    """ShapeError for a text that is no format."""
    if form not in FORMATS and bfp16_axis(form) is None:
        raise ShapeError(op, f"format {form}", f"{', '.join(FORMATS)} or bfp16(axis=K)", "choose one of them")


def _moved(op: str, x: TensorType, shape: tuple[int, ...], axis: int | None = None) -> TensorType:
    """The type of `x` with its elements in `shape`; `axis` is where the axis of its exponents is now."""
    _known(op, x.format)
    if bfp16_axis(x.format) is None:
        return TensorType(shape, x.format)
    if axis is None:
        mend = "dequantize it first, or quantize with one exponent"
        raise ShapeError(op, str(x), "a format without an axis, or that axis left whole", mend)
    return TensorType(shape, f"bfp16(axis={axis})")


def _by_mantissas(
    move: Callable[..., np.ndarray], axis: Callable[..., int] | None = None
) -> Callable[..., Value]:
    """`move` for every format; `axis(axis, x, **attributes)` says where the axis of exponents goes, if it moves."""

    def run(x: Value, **attributes: Any) -> Value:
        if isinstance(x, np.ndarray):
            return move(x, **attributes)
        grid = x.grid
        if axis is not None and grid.format.axis is not None:
            there = axis(grid.format.axis % x.data.ndim, x.data, **attributes)
            grid = Grid(Bfp16(there), grid.scale, grid.zero_point)
        return Quantized(grid, move(x.data, **attributes))

    return run


def _fill(operands: Types, a: Attributes) -> TensorType:
    signature("fill", operands, 0, a, "shape", "format", "value")
    form, shape, value = str(a["format"]), integers("fill", "shape", a["shape"]), a["value"]
    if form not in STORED:
        raise ShapeError("fill", f"format {form}", f"one of {', '.join(PLAIN)}", "fill, then quantize")
    if min(shape, default=0) < 0:
        raise ShapeError("fill", f"shape {shape}", "sizes from 0 on", "correct the shape")
    _holds("fill", form, value)
    return TensorType(shape, form)


def _holds(op: str, form: str, value: Attribute) -> None:
    """ShapeError unless `value` is a number that the plain format stores; floats may be rounded."""
    good = isinstance(value, bool | int | float)
    if good and form != "float32":
        low, high = (0, 1) if form == "bool" else (np.iinfo(STORED[form]).min, np.iinfo(STORED[form]).max)
        good = low <= value <= high and value == int(value)  # type: ignore[operator,arg-type]  # a number
    if not good:
        raise ShapeError(
            op, f"value {value!r}", f"a number that {form} holds", "choose another value or format"
        )


def _run_fill(*, shape: tuple[int, ...], format: str, value: float) -> np.ndarray:
    return np.broadcast_to(np.array(value, STORED[format]), shape)


def _iota(operands: Types, a: Attributes) -> TensorType:
    signature("iota", operands, 0, a, "size")
    size = a["size"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ShapeError("iota", f"size {size!r}", "an integer from 0 on", "choose the number of elements")
    return TensorType((size,), "int64")


def _reshape(operands: Types, a: Attributes) -> TensorType:
    signature("reshape", operands, 1, a, "shape")
    x, shape = operands[0], integers("reshape", "shape", a["shape"])
    if min(shape, default=0) < 0 or prod(shape) != prod(x.shape):
        raise ShapeError(
            "reshape",
            f"{prod(x.shape)} elements of shape {x.shape} for shape {shape}",
            "as many elements on both sides",
            "correct one of the sizes",
        )
    return _moved("reshape", x, shape)


def _reshape_gradient(b: Builder, node: Node, cotangent: int) -> tuple[int]:
    return (b.add("reshape", cotangent, source=node.source, shape=b[node.inputs[0]].type.shape),)


def _transpose(operands: Types, a: Attributes) -> TensorType:
    signature("transpose", operands, 1, a, "axes")
    x, axes = operands[0], integers("transpose", "axes", a["axes"])
    if sorted(axes) != list(range(len(x.shape))):
        received, mend = f"axes {axes} for shape {x.shape}", f"permute {tuple(range(len(x.shape)))}"
        raise ShapeError("transpose", received, "each axis once", mend)
    channels = bfp16_axis(x.format)
    there = None if channels is None else axes.index(channels)
    return _moved("transpose", x, tuple([x.shape[i] for i in axes]), there)


def _transpose_gradient(b: Builder, node: Node, cotangent: int) -> tuple[int]:
    axes = integers("transpose", "axes", node.attribute("axes"))
    back = tuple(axes.index(i) for i in range(len(axes)))
    return (b.add("transpose", cotangent, source=node.source, axes=back),)


def _broadcast_to(operands: Types, a: Attributes) -> TensorType:
    signature("broadcast_to", operands, 1, a, "shape")
    x, shape = operands[0], integers("broadcast_to", "shape", a["shape"])
    extra = len(shape) - len(x.shape)
    fits = extra >= 0 and all(s in (1, t) for s, t in zip(x.shape, shape[extra:], strict=True))
    if not fits or min(shape, default=0) < 0:
        received, mend = f"shape {x.shape} to {shape}", "reshape the operand first"
        raise ShapeError("broadcast_to", received, "each size equal, or 1", mend)
    channels = bfp16_axis(x.format)
    whole = channels is not None and x.shape[channels] == shape[extra + channels]
    return _moved("broadcast_to", x, shape, extra + channels if whole else None)  # type: ignore[operator]


def _broadcast_gradient(b: Builder, node: Node, cotangent: int) -> tuple[int]:
    old, new = b[node.inputs[0]].type.shape, node.type.shape
    extra = len(new) - len(old)
    axes = (*range(extra), *(extra + i for i, s in enumerate(old) if s == 1 and new[extra + i] != 1))
    if axes:
        cotangent = b.add("sum", cotangent, source=node.source, axes=axes)
    return (b.add("reshape", cotangent, source=node.source, shape=old),)


def _concatenate(operands: Types, a: Attributes) -> TensorType:
    signature("concatenate", operands, max(len(operands), 1), a, "axis")
    axis = a["axis"]
    first = operands[0]
    if first.format not in STORED:
        _known("concatenate", first.format)
        mend = "dequantize first, and quantize what was joined"
        raise ShapeError("concatenate", f"format {first.format}", "tensors of one grid", mend)
    if not isinstance(axis, int) or isinstance(axis, bool) or not 0 <= axis < len(first.shape):
        received = f"axis {axis} for shape {first.shape}"
        raise ShapeError("concatenate", received, f"0 to {len(first.shape) - 1}", "choose an axis")
    before, after = first.shape[:axis], first.shape[axis + 1 :]
    for x in operands[1:]:
        same = x.format == first.format and len(x.shape) == len(first.shape)
        if not same or x.shape[:axis] != before or x.shape[axis + 1 :] != after:
            expected = f"the same but for axis {axis}"
            raise ShapeError("concatenate", f"{x} beside {first}", expected, "convert or reshape it")
    return TensorType((*before, sum([x.shape[axis] for x in operands]), *after), first.format)


def _concatenate_gradient(b: Builder, node: Node, cotangent: int) -> tuple[int, ...]:
    axis, at, parts = node.attribute("axis"), 0, []
    assert isinstance(axis, int)
    step = (1,) * len(node.type.shape)
    for operand in node.inputs:
        size = b[operand].type.shape
        start = tuple(at if i == axis else 0 for i in range(len(step)))
        parts.append(b.add("slice", cotangent, source=node.source, start=start, size=size, step=step))
        at += size[axis]
    return tuple(parts)


def _inside(op: str, shape: tuple[int, ...], start: Any, size: Any, step: Any) -> None:
    """ShapeError unless the elements start, start + step, ... (size of them) exist on every axis."""
    rank = len(shape)
    if not len(start) == len(size) == len(step) == rank:
        received = f"start {start}, size {size}, step {step} for shape {shape}"
        raise ShapeError(op, received, f"{rank} of each", "give one for every axis")
    for axis, (first, count, by) in enumerate(zip(start, size, step, strict=True)):
        last = first + (count - 1) * by
        some = 0 <= first < shape[axis] and 0 <= last < shape[axis]
        if by == 0 or count < 0 or (count > 0 and not some):
            received = f"elements {first} to {last} of axis {axis}, which has {shape[axis]}"
            raise ShapeError(op, received, "elements that exist", "correct start, size or step")


def _whole(x: TensorType, shape: tuple[int, ...], start: Any, step: Any) -> int | None:
    """The axis of exponents of `x`, if a slice between its shape and `shape` takes every index of it in order."""
    axis = bfp16_axis(x.format)
    if axis is None or x.shape[axis] != shape[axis] or start[axis] != 0 or step[axis] != 1:
        return None
    return axis


def _slice(operands: Types, a: Attributes) -> TensorType:
    signature("slice", operands, 1, a, "start", "size", "step")
    x = operands[0]
    start, size, step = [integers("slice", name, a[name]) for name in ("start", "size", "step")]
    _inside("slice", x.shape, start, size, step)
    return _moved("slice", x, size, _whole(x, size, start, step))


def _range(first: int, count: int, by: int) -> slice:
    """`count` elements from `first` on, `by` apart, as NumPy spells it."""
    end = first + count * by
    return slice(first, None if end < 0 else end, by) if count else slice(0, 0)


def _run_slice(x: np.ndarray, *, start: Any, size: Any, step: Any) -> np.ndarray:
    where: Any = (..., *map(_range, start, size, step))  # the dots keep an array without axes an array
    return x[where]


def _slice_gradient(b: Builder, node: Node, cotangent: int) -> tuple[int]:
    where = {name: node.attribute(name) for name in ("start", "step")}
    return (b.add("place", cotangent, source=node.source, shape=b[node.inputs[0]].type.shape, **where),)


def _place(operands: Types, a: Attributes) -> TensorType:
    signature("place", operands, 1, a, "start", "shape", "step")
    x, shape = operands[0], integers("place", "shape", a["shape"])
    start, step = [integers("place", name, a[name]) for name in ("start", "step")]
    if min(shape, default=0) < 0:
        raise ShapeError("place", f"shape {shape}", "sizes from 0 on", "correct the shape")
    _inside("place", shape, start, x.shape, step)
    return _moved("place", x, shape, _whole(x, shape, start, step))


def _run_place(x: np.ndarray, *, start: Any, shape: Any, step: Any) -> np.ndarray:
    out = np.zeros(shape, x.dtype)
    where: Any = (..., *map(_range, start, x.shape, step))
    out[where] = x
    return out


def _place_gradient(b: Builder, node: Node, cotangent: int) -> tuple[int]:
    where = {name: node.attribute(name) for name in ("start", "step")}
    return (b.add("slice", cotangent, source=node.source, size=b[node.inputs[0]].type.shape, **where),)


def _pad(operands: Types, a: Attributes) -> TensorType:
    signature("pad", operands, 1, a, "before", "after", "value")
    x = operands[0]
    before, after = [integers("pad", name, a[name]) for name in ("before", "after")]
    if x.format not in STORED:
        _known("pad", x.format)
        expected = f"one of {', '.join(PLAIN)}"
        raise ShapeError("pad", f"format {x.format}", expected, "use place, which surrounds it by zeros")
    if not len(before) == len(after) == len(x.shape) or min((*before, *after), default=0) < 0:
        received = f"before {before}, after {after} for shape {x.shape}"
        raise ShapeError("pad", received, f"{len(x.shape)} of each, from 0 on", "use slice to cut")
    _holds("pad", x.format, a["value"])
    return TensorType(tuple([p + s + q for p, s, q in zip(before, x.shape, after, strict=True)]), x.format)


def _run_pad(x: np.ndarray, *, before: Any, after: Any, value: float) -> np.ndarray:
    shape = [p + s + q for p, s, q in zip(before, x.shape, after, strict=True)]
    out = np.zeros(shape, x.dtype) if value == 0 < copysign(1, value) else np.full(shape, value, x.dtype)
    where: Any = (..., *[slice(p, p + s) for p, s in zip(before, x.shape, strict=True)])
    out[where] = x
    return out


def _pad_gradient(b: Builder, node: Node, cotangent: int) -> tuple[int]:
    start, size = node.attribute("before"), b[node.inputs[0]].type.shape
    step = (1,) * len(size)
    return (b.add("slice", cotangent, source=node.source, start=start, size=size, step=step),)


OPERATIONS = (
    Operation("fill", _fill, _run_fill, None, PLAIN, "one number in every place"),
    Operation("iota", _iota, lambda *, size: np.arange(size), None, ("int64",), "0, 1, ... size - 1"),
    Operation(
        "reshape",
        _reshape,
        _by_mantissas(lambda x, *, shape: x.reshape(shape)),
        _reshape_gradient,
        FORMATS,
        "the elements, row-major, in another shape",
    ),
    Operation(
        "transpose",
        _transpose,
        _by_mantissas(lambda x, *, axes: x.transpose(axes), lambda k, x, *, axes: axes.index(k)),
        _transpose_gradient,
        FORMATS,
        "permuted axes: axis i of the result is axis axes[i] of the operand",
    ),
    Operation(
        "broadcast_to",
        _broadcast_to,
        _by_mantissas(
            lambda x, *, shape: np.broadcast_to(x, shape), lambda k, x, *, shape: k + len(shape) - x.ndim
        ),
        _broadcast_gradient,
        FORMATS,
        "repeated along axes of size 1 and along new leading axes",
    ),
    Operation(
        "concatenate",
        _concatenate,
        lambda *x, axis: np.concatenate(x, axis),
        _concatenate_gradient,
        PLAIN,
        "tensors joined along an axis",
    ),
    Operation(
        "slice",
        _slice,
        _by_mantissas(_run_slice),
        _slice_gradient,
        FORMATS,
        "of every axis, size elements from start on, step apart",
    ),
    Operation(
        "place",
        _place,
        _by_mantissas(_run_place),
        _place_gradient,
        FORMATS,
        "zeros that hold the operand from start on, step apart: the inverse of slice",
    ),
    Operation("pad", _pad, _run_pad, _pad_gradient, PLAIN, "surrounded by one number"),
)
