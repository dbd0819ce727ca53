"""Operations that move elements and compute nothing: the same for every format, and exact."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.ops.operation import Operation, expect, integers, one

Types = tuple[TensorType, ...]
Attributes = Mapping[str, Attribute]


def _fill(operands: Types, a: Attributes) -> TensorType:
    expect(not operands, "fill", f"{len(operands)} operands", "none", "give the shape as an attribute")
    form = str(a["format"])
    expect(form in _DTYPES, "fill", f"format {form}", f"one of {', '.join(_DTYPES)}", "fill, then quantize")
    return TensorType(integers("fill", "shape", a["shape"]), form)


def _run_fill(*, shape, format, value):
    return np.full(shape, value, _DTYPES[format])


_DTYPES = {"float32": np.float32, "int32": np.int32, "int64": np.int64, "bool": np.bool_}
"""Formats that a plain number fills."""


def _reshape(operands: Types, a: Attributes) -> TensorType:
    x, shape = one("reshape", operands), integers("reshape", "shape", a["shape"])
    new = TensorType(shape, x.format)
    expect(
        min(shape, default=0) >= 0 and new.size == x.size,
        "reshape",
        f"{x.size} elements of shape {x.shape} for shape {shape}",
        "as many elements on both sides",
        "correct one of the sizes",
    )
    return new


def _reshape_gradient(b: Builder, node: Node, cotangent: int):
    return (b.add("reshape", cotangent, source=node.source, shape=b[node.inputs[0]].type.shape),)


def _transpose(operands: Types, a: Attributes) -> TensorType:
    x, axes = one("transpose", operands), integers("transpose", "axes", a["axes"])
    expect(
        sorted(axes) == list(range(len(x.shape))),
        "transpose",
        f"axes {axes} for shape {x.shape}",
        "each axis once",
        f"permute {tuple(range(len(x.shape)))}",
    )
    return TensorType(tuple(x.shape[i] for i in axes), x.format)


def _transpose_gradient(b: Builder, node: Node, cotangent: int):
    axes = integers("transpose", "axes", node.attribute("axes"))
    back = tuple(axes.index(i) for i in range(len(axes)))
    return (b.add("transpose", cotangent, source=node.source, axes=back),)


def _broadcast_to(operands: Types, a: Attributes) -> TensorType:
    x, shape = one("broadcast_to", operands), integers("broadcast_to", "shape", a["shape"])
    extra = len(shape) - len(x.shape)
    fits = extra >= 0 and all(s in (1, t) for s, t in zip(x.shape, shape[max(extra, 0) :], strict=False))
    expect(
        fits,
        "broadcast_to",
        f"shape {x.shape} to {shape}",
        "each size equal, or 1",
        "reshape the operand first",
    )
    return TensorType(shape, x.format)


def _broadcast_gradient(b: Builder, node: Node, cotangent: int):
    old, new = b[node.inputs[0]].type.shape, node.type.shape
    extra = len(new) - len(old)
    axes = (*range(extra), *(extra + i for i, s in enumerate(old) if s == 1 and new[extra + i] != 1))
    if axes:
        cotangent = b.add("sum", cotangent, source=node.source, axes=axes)
    return (b.add("reshape", cotangent, source=node.source, shape=old),)


def _concatenate(operands: Types, a: Attributes) -> TensorType:
    axis = a["axis"]
    expect(len(operands) > 0, "concatenate", "no operands", "at least one", "give the tensors to join")
    first = operands[0]
    good = isinstance(axis, int) and 0 <= axis < len(first.shape)
    expect(
        good,
        "concatenate",
        f"axis {axis} for shape {first.shape}",
        f"0 to {len(first.shape) - 1}",
        "choose an axis",
    )
    assert isinstance(axis, int)
    for x in operands[1:]:
        same = len(x.shape) == len(first.shape) and x.format == first.format
        same = same and all(
            s == t for i, (s, t) in enumerate(zip(x.shape, first.shape, strict=True)) if i != axis
        )
        expect(
            same,
            "concatenate",
            f"{x} beside {first}",
            f"the same but for axis {axis}",
            "convert or reshape it",
        )
    total = sum(x.shape[axis] for x in operands)
    return TensorType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.format)


def _concatenate_gradient(b: Builder, node: Node, cotangent: int):
    axis, at, parts = node.attribute("axis"), 0, []
    assert isinstance(axis, int)
    for operand in node.inputs:
        size = b[operand].type.shape[axis]
        start = tuple(at if i == axis else 0 for i in range(len(node.type.shape)))
        parts.append(
            b.add(
                "slice",
                cotangent,
                source=node.source,
                start=start,
                size=b[operand].type.shape,
                step=(1,) * len(start),
            )
        )
        at += size
    return tuple(parts)


def _slice(operands: Types, a: Attributes) -> TensorType:
    x = one("slice", operands)
    start, size, step = (integers("slice", name, a[name]) for name in ("start", "size", "step"))
    rank = len(x.shape)
    expect(
        len(start) == len(size) == len(step) == rank,
        "slice",
        f"start {start}, size {size}, step {step} for shape {x.shape}",
        f"{rank} of each",
        "give one for every axis",
    )
    for axis, (first, count, by) in enumerate(zip(start, size, step, strict=True)):
        last = first + (count - 1) * by
        inside = (
            by != 0
            and count >= 0
            and (count == 0 or (0 <= first < x.shape[axis] and 0 <= last < x.shape[axis]))
        )
        expect(
            inside,
            "slice",
            f"elements {first} to {last} of axis {axis}, which has {x.shape[axis]}",
            "elements that exist",
            "correct start, size or step",
        )
    return TensorType(size, x.format)


def _run_slice(x, *, start, size, step):
    for axis, (first, count, by) in enumerate(zip(start, size, step, strict=True)):
        x = np.take(x, first + by * np.arange(count), axis)
    return x


def _slice_gradient(b: Builder, node: Node, cotangent: int):
    where = {name: node.attribute(name) for name in ("start", "step")}
    return (b.add("place", cotangent, source=node.source, shape=b[node.inputs[0]].type.shape, **where),)


def _place(operands: Types, a: Attributes) -> TensorType:
    x, shape = one("place", operands), integers("place", "shape", a["shape"])
    plain = x.format.split("(")[0] in (*_DTYPES, "bfp16")
    expect(plain, "place", f"format {x.format}", "a format whose zero is the number 0", "dequantize it first")
    _slice((TensorType(shape, x.format),), {"start": a["start"], "size": x.shape, "step": a["step"]})
    return TensorType(shape, x.format)


def _run_place(x, *, start, shape, step):
    out = np.zeros(shape, x.dtype)
    index = np.ix_(*(first + by * np.arange(n) for first, by, n in zip(start, step, x.shape, strict=True)))
    out[index] = x
    return out


def _place_gradient(b: Builder, node: Node, cotangent: int):
    where = {name: node.attribute(name) for name in ("start", "step")}
    return (b.add("slice", cotangent, source=node.source, size=b[node.inputs[0]].type.shape, **where),)


OPERATIONS = (
    Operation("fill", _fill, _run_fill),
    Operation("reshape", _reshape, lambda x, *, shape: x.reshape(shape), _reshape_gradient),
    Operation("transpose", _transpose, lambda x, *, axes: x.transpose(axes), _transpose_gradient),
    Operation(
        "broadcast_to", _broadcast_to, lambda x, *, shape: np.broadcast_to(x, shape), _broadcast_gradient
    ),
    Operation("concatenate", _concatenate, lambda *x, axis: np.concatenate(x, axis), _concatenate_gradient),
    Operation("slice", _slice, _run_slice, _slice_gradient),
    Operation("place", _place, _run_place, _place_gradient),
)
"""Filled with one number; new shape; permuted axes; repeated along axes; joined; every step-th of a range; its
inverse: a tensor of zeros that holds the operand at every step-th of a range."""
