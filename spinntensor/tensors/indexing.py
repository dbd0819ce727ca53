"""Tensors indexed by NumPy's rules: integers, slices, dots, new axes, arrays of integers, masks that are known.

Integers and slices become one `slice`, arrays one `take`; what an index tensor holds is not asked for. The functions
that gather by name stand in a file of their own and are found here as well.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.gathering import Index, as_index, known, located, one_hot, take, take_along_axis
from spinntensor.tensors.moves import Shape, reshaped, sliced, taken, transposed
from spinntensor.tensors.operands import broadcast, broadcast_shape, no_such_place, refuse

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

WHOLE = slice(None)
GONE = object()
"""In a layout: an axis that an integer takes away."""

Layout = list[Any]
"""The axes that a key makes, in its order: the size of a slice, None for a new axis, GONE, or indices of an axis.

Dots stand for no axis, but they part arrays, as NumPy has it.
"""


def getitem(x: Base, key: Any) -> Tensor:
    """x[key], by NumPy's rules.

    Parameters
    ----------
    x : tensor of any format.
    key : integers, slices, `...`, None, sequences and arrays of integers, int tensors, known masks of bool (NumPy
        arrays), or a tuple of them. Negative integers count from the end, also in tensors.

    Several arrays are broadcast; the axes of what they name stand in the place of the first one, or in front where
    a slice, `...` or None stands between them. Integers beside arrays count as arrays in that. ShapeError (at the
    call) for an index beyond its axis, too many indices, and masks that are tensors, whose number of elements nobody
    knows yet; an index beyond its axis inside a tensor is an error when it is computed.
    """
    shape = x.shape
    start: list[int] = []
    size: list[int] = []
    step: list[int] = []
    layout: Layout = []
    plain = True
    for k in _entries(x, key if type(key) is tuple else (key,)):
        kind = type(k)
        if k is None or k is Ellipsis:
            layout.append(k)
            continue
        axis = len(start)
        if kind is int:
            n = shape[axis]
            if not -n <= k < n:
                raise no_such_place("getitem", f"index {k} for axis {axis} of shape {shape}", *_ends(n))
            start.append(k % n)
            size.append(1)
            step.append(1)
            layout.append(GONE)
        elif kind is slice:
            first, count, by = (0, shape[axis], 1) if k is WHOLE else _range(k, shape[axis])
            start.append(first)
            size.append(count)
            step.append(by)
            layout.append(count)
        else:
            plain = False
            found = _masked(x, k, axis) if isinstance(k, np.ndarray) and k.dtype == np.bool_ else [k]
            layout += [as_index("getitem", i, shape, axis + j) for j, i in enumerate(found)]
            start += [0] * len(found)
            size += shape[axis : axis + len(found)]
            step += [1] * len(found)
    y = sliced(x, start, size, step)
    return reshaped(y, _sizes(layout)) if plain else _gathered(y, layout)


def _sizes(layout: Layout) -> Shape:
    """The sizes of the axes that stay and of the new ones."""
    return tuple([1 if k is None else k for k in layout if k is None or type(k) is int])


def _ends(size: int) -> tuple[str, str]:
    """What an index of an axis may be, and how to mend it."""
    if size == 0:
        return "no index: the axis has no elements", "index a tensor that has some"
    return f"{-size} to {size - 1}", "choose an index of the axis"


def _entries(x: Base, keys: tuple[Any, ...]) -> list[Any]:
    """int, slice, None, mask, array or tensor, so that together they take all axes of `x`; dots for no axis stay."""
    found: list[Any] = []
    used, dots = 0, -1
    for k in keys:
        kind = type(k)
        if kind is int or kind is slice:
            used += 1
        elif k is Ellipsis:
            if dots >= 0:
                raise refuse("getitem", "'...' twice", "once at most", "write ':' for single axes")
            dots = len(found)
        elif isinstance(k, Base):
            used += 1
        elif k is not None:
            k = _known(k)
            used += k.ndim if isinstance(k, np.ndarray) and k.dtype == np.bool_ else 1
        found.append(k)
    rest = x.ndim - used
    if rest < 0:
        received = f"{used} indices for shape {x.shape}"
        raise refuse("getitem", received, f"{x.ndim} at most", "leave some out, or reshape the tensor")
    if dots < 0:
        return found + [WHOLE] * rest if rest else found
    return found[:dots] + [WHOLE] * rest + found[dots + 1 :] if rest else found


def _known(k: Any) -> Any:
    """An index that is neither int, slice, dots, None nor tensor, as an int or an array of integers or bool."""
    known("getitem", k)
    try:
        array = np.asarray(k)
    except ValueError:
        array = np.empty((), object)
    if array.size == 0 and isinstance(k, list | tuple):
        array = array.astype(np.int32)  # an empty list names no element
    if array.dtype.kind in "iu":
        return int(array) if array.ndim == 0 else array
    if array.dtype == np.bool_ and array.ndim:
        return array
    raise refuse(
        "getitem",
        f"index {k!r}" if array.ndim == 0 else f"an index of {array.dtype}",
        "integers, slices, ..., None, or arrays of integers or bool",
        "use st.where for conditions on single elements"
        if array.dtype == np.bool_
        else "convert it to integers",
    )


def _range(k: slice, size: int) -> tuple[int, int, int]:
    """First index, number and step of what a slice takes of an axis."""
    try:
        first, stop, by = k.indices(size)
    except (TypeError, ValueError):
        expected = "integers that are known, and a step other than 0"
        raise refuse("getitem", f"{k}", expected, "use int(...) of a tensor, or st.take") from None
    count = len(range(first, stop, by))
    return (first, count, by if count > 1 else 1) if count else (0, 0, 1)


def _masked(x: Base, mask: np.ndarray, axis: int) -> list[np.ndarray]:
    """The indices of the elements that a mask of some axes from `axis` on chooses, an array for each."""
    if mask.shape != x.shape[axis : axis + mask.ndim]:
        received = f"a mask of shape {mask.shape} for shape {x.shape} from axis {axis} on"
        raise refuse("getitem", received, f"{x.shape[axis : axis + mask.ndim]}", "reshape the mask")
    return list(np.nonzero(mask))


def _gathered(y: Base, layout: Layout) -> Tensor:
    """`y`, which has the axes of the layout but for new ones, after its arrays have been looked up."""
    named = [at for at, k in enumerate(layout) if k is GONE or _is_index(k)]
    apart = named[-1] - named[0] + 1 > len(named)
    first = 0 if apart else named[0]  # where the block of what arrays name stands
    before, after = _sizes(layout[:first]), _sizes(layout[first:])

    axes = [k for k in layout if k is not None and k is not Ellipsis]
    held = [(k, n) for k, n in zip(axes, y.shape, strict=True) if k is not GONE]
    y = reshaped(y, tuple([n for _, n in held]))
    indices = [k for k, _ in held if _is_index(k)]
    arrays = [i for i, (k, _) in enumerate(held) if _is_index(k)]
    kept = [i for i, (k, _) in enumerate(held) if not _is_index(k)]
    at = len([k for k in layout[:first] if type(k) is int])
    y = transposed(y, (*kept[:at], *arrays, *kept[at:]))
    many = y.shape[at : at + len(arrays)]
    y = reshaped(y, (*y.shape[:at], prod(many), *y.shape[at + len(arrays) :]))
    block = broadcast_shape("getitem", *[k.shape for k in indices])
    return reshaped(taken(y, _flat(indices, many, block), at), (*before, *block, *after))


def _is_index(k: Any) -> bool:
    return isinstance(k, np.ndarray | Base)


def _flat(indices: list[Index], sizes: Shape, block: Shape) -> Base:
    """One tensor of indices for the merged axes of these sizes."""
    if len(indices) == 1:
        return located(indices[0], sizes[0])
    steps = [prod(sizes[i + 1 :]) for i in range(len(sizes))]
    sure: Any = 0
    lazy: Base | None = None
    for k, size, step in zip(indices, sizes, steps, strict=True):
        if isinstance(k, np.ndarray):
            sure = sure + k * step
        else:
            there = located(k, size, step, prod(sizes))
            lazy = there if lazy is None else apply("add", *broadcast("getitem", lazy, there))
    if lazy is None:
        return located(np.broadcast_to(sure, block), prod(sizes))
    if isinstance(sure, np.ndarray):
        lazy = apply("add", *broadcast("getitem", lazy, located(sure, prod(sizes))))
    return lazy


__all__ = ["getitem", "one_hot", "take", "take_along_axis"]
