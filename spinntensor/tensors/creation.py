"""Tensors of known numbers: filled, counted off, diagonal; and the triangles and diagonals of others.

format : `float32`, `int32`, `int8`, `uint8`, `int64`, `bool` or `bfp16`, or a NumPy or Python type, where float64 and
float mean float32 and int64 and int mean int32. Counted numbers are NumPy's float64 values, rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.tensors.alike import form_of, is_bfp16, narrowed, without_grid
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.elementwise import astype
from spinntensor.tensors.grids import constants
from spinntensor.tensors.linalg import diagonal
from spinntensor.tensors.manipulation import broadcast_to, reshape, sizes
from spinntensor.tensors.moves import reshaped
from spinntensor.tensors.operands import refuse, tensor
from spinntensor.tensors.selection import where

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

Shape = int | Sequence[int]


def full(shape: Shape, value: Any, format: Any = None) -> Tensor:
    """One number in every place.

    Parameters
    ----------
    shape : sizes, or one size.
    value : a number, or a tensor or array that is broadcast to `shape`.
    format : None takes that of `value`: float32 for a float, int32 for an int, bool for a bool.

    ShapeError when the format does not hold the number, or it cannot be broadcast.
    """
    new = sizes("full", shape)
    form = None if format is None else form_of("full", format)
    if form == "bfp16":
        return narrowed(full(shape, value, "float32"))
    if isinstance(value, Base):
        return broadcast_to(value if form is None else astype(value, form), new)
    x = tensor(value, form)
    if x.ndim:
        return broadcast_to(x, new)
    return apply("fill", shape=new, format=x.format, value=x.numpy().item())


def zeros(shape: Shape, format: Any = "float32") -> Tensor:
    """0 in every place."""
    return _constant("zeros", shape, 0, format)


def ones(shape: Shape, format: Any = "float32") -> Tensor:
    """1 in every place."""
    return _constant("ones", shape, 1, format)


def full_like(x: Any, value: Any, format: Any = None) -> Tensor:
    """`value` in every place of the shape of `x`; format None: that of `x`, float32 for one that is quantised."""
    x = tensor(x)
    return full(x.shape, value, _plain_format(x) if format is None else format)


def zeros_like(x: Any, format: Any = None) -> Tensor:
    """0 in every place of the shape of `x`; format None: that of `x`, float32 for one that is quantised."""
    x = tensor(x)
    return zeros(x.shape, _plain_format(x) if format is None else format)


def ones_like(x: Any, format: Any = None) -> Tensor:
    """1 in every place of the shape of `x`; format None: that of `x`, float32 for one that is quantised."""
    x = tensor(x)
    return ones(x.shape, _plain_format(x) if format is None else format)


def _plain_format(x: Base) -> str:
    return "float32" if x.grid is not None or is_bfp16(x) else x.format


def _constant(op: str, shape: Shape, value: int, format: Any) -> Tensor:
    """0 or 1 in every place, spelt as the format does."""
    form = form_of(op, format)
    stored = {"float32": float(value), "bfp16": float(value), "bool": bool(value)}.get(form, value)
    y = apply("fill", shape=sizes(op, shape), format="float32" if form == "bfp16" else form, value=stored)
    return narrowed(y) if form == "bfp16" else y


def arange(start: float, stop: float | None = None, step: float = 1, format: Any = None) -> Tensor:
    """start, start + step, ... up to but without `stop`; `arange(n)` counts from 0 to n - 1.

    format : None: int32 if all numbers are integers, else float32.
    """
    if stop is None:
        start, stop = 0, start
    _numbers("arange", start, stop, step)
    if step == 0:
        raise refuse("arange", "step 0", "a step other than 0", "choose a step")
    return _stored("arange", np.arange(start, stop, step), format)


def linspace(start: float, stop: float, num: int = 50, endpoint: bool = True, format: Any = None) -> Tensor:
    """`num` numbers at equal distances from `start` to `stop`, with `stop` itself if `endpoint` holds.

    format : None: float32.
    """
    _numbers("linspace", start, stop)
    if isinstance(num, bool) or not isinstance(num, int | np.integer) or num < 0:
        raise refuse("linspace", f"num = {num!r}", "an integer from 0 on", "choose how many numbers")
    return _stored("linspace", np.linspace(start, stop, int(num), endpoint), format)


def _numbers(op: str, *values: Any) -> None:
    for v in values:
        if isinstance(v, bool | np.bool_) or not isinstance(v, int | float | np.integer | np.floating):
            raise refuse(op, f"{v!r}", "Python or NumPy numbers", "give numbers that are known")


def _stored(op: str, values: np.ndarray, format: Any) -> Tensor:
    form = None if format is None else form_of(op, format)
    return narrowed(tensor(values)) if form == "bfp16" else tensor(values, form)


def eye(n: int, m: int | None = None, k: int = 0, format: Any = "float32") -> Tensor:
    """A matrix [n, m] of 1 on diagonal `k` and 0 elsewhere; `m` None: n; k > 0: above the main diagonal."""
    return _pattern("eye", np.eye(*_sides("eye", n, m), k, bool), format)


def identity(n: int, format: Any = "float32") -> Tensor:
    """The identity matrix [n, n]."""
    return eye(n, format=format)


def tri(n: int, m: int | None = None, k: int = 0, format: Any = "float32") -> Tensor:
    """A matrix [n, m] of 1 on diagonal `k` and below, 0 above."""
    return _pattern("tri", np.tri(*_sides("tri", n, m), k, bool), format)


def _sides(op: str, n: int, m: int | None) -> tuple[int, int]:
    found = sizes(op, (n, n if m is None else m))
    if min(found) < 0:
        raise refuse(op, f"sizes {found}", "sizes from 0 on", "correct them")
    return found[0], found[1]


def _pattern(op: str, mask: np.ndarray, format: Any) -> Tensor:
    form = form_of(op, format)
    if form == "bool":
        return tensor(mask)
    return _stored(op, mask.astype(np.float32 if form in ("float32", "bfp16") else np.int8), form)


def tril(x: Any, k: int = 0) -> Tensor:
    """`x` with 0 above diagonal `k` of its last two axes."""
    x = _matrices("tril", x)
    return _masked("tril", x, np.tri(x.shape[-2], x.shape[-1], k, bool))


def triu(x: Any, k: int = 0) -> Tensor:
    """`x` with 0 below diagonal `k` of its last two axes."""
    x = _matrices("triu", x)
    return _masked("triu", x, ~np.tri(x.shape[-2], x.shape[-1], k - 1, bool))


def _matrices(op: str, x: Any) -> Tensor:
    x = tensor(x)
    if x.ndim < 2:
        raise refuse(op, f"shape {x.shape}", "two axes or more", "reshape it")
    return x


def _masked(op: str, x: Tensor, mask: np.ndarray) -> Tensor:
    """`x` where `mask` holds, else 0."""
    if x.grid is not None:
        zero = apply("fill", grid=x.grid, shape=x.shape, format=x.format, value=constants(op, x)[1])
        return where(mask, x, zero)
    return where(mask, x, False if x.format == "bool" else 0)


def diag(x: Any, k: int = 0) -> Tensor:
    """A vector as diagonal `k` of a square matrix, or diagonal `k` of a matrix; k > 0: above the main one."""
    x = tensor(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise refuse("diag", f"shape {x.shape}", "one axis or two", "use diagonal for more axes")
    x = without_grid("diag", x)
    side = x.size + (k if k >= 0 else -k)
    first = (k if k >= 0 else -k * side) if x.size else 0
    flat = apply("place", x, shape=(side * side,), start=(first,), step=(side + 1,))
    return reshaped(flat, (side, side))


def meshgrid(*vectors: Any, sparse: bool = False, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid: for each vector a tensor in which it runs along an axis of its own.

    sparse : leave the other axes at size 1.
    indexing : `ij`: the axes in order; `xy`: the first two swapped, as in pictures.
    """
    if indexing not in ("xy", "ij"):
        raise refuse("meshgrid", f"indexing {indexing!r}", "'xy' or 'ij'", "choose one of them")
    found = [reshape(v, (-1,)) for v in vectors]
    place = list(range(len(found)))
    if indexing == "xy" and len(found) > 1:
        place[0], place[1] = 1, 0
    shape = [0] * len(found)
    for x, at in zip(found, place, strict=True):
        shape[at] = x.size
    lone = [
        reshaped(x, tuple([x.size if i == at else 1 for i in range(len(found))]))
        for x, at in zip(found, place, strict=True)
    ]
    return lone if sparse else [broadcast_to(x, shape) for x in lone]


__all__ = [
    "arange",
    "diag",
    "eye",
    "full",
    "full_like",
    "identity",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tri",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]
