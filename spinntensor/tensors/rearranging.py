"""Elements reversed, rotated and repeated along axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.ops.operation import family
from spinntensor.tensors.base import Base
from spinntensor.tensors.joining import joined
from spinntensor.tensors.moves import part, repeated, reshaped, same, sliced, taken, transposed
from spinntensor.tensors.operands import all_axes, one_axis, refuse, tensor

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

Axes = int | Sequence[int]


def flip(x: Any, axis: Axes | None = None) -> Tensor:
    """The elements in reverse order along `axis`; None: along all axes."""
    x = tensor(x)
    back = all_axes("flip", axis, x.ndim)
    turned = [i in back and s > 1 for i, s in enumerate(x.shape)]
    start = [s - 1 if t else 0 for s, t in zip(x.shape, turned, strict=True)]
    return sliced(x, start, x.shape, [-1 if t else 1 for t in turned])


def flipud(x: Any) -> Tensor:
    """The elements in reverse order along the first axis."""
    return flip(x, 0)


def fliplr(x: Any) -> Tensor:
    """The elements in reverse order along the second axis."""
    return flip(x, 1)


def roll(x: Any, shift: Axes, axis: Axes | None = None) -> Tensor:
    """The elements moved on along an axis; those pushed off its end come in again at the other.

    Parameters
    ----------
    shift : by how many places; one number for all of `axis`, or one for each. Negative ones move backwards.
    axis : None rolls the row-major elements and keeps the shape.
    """
    x = tensor(x)
    if axis is None:
        return reshaped(roll(reshaped(x, (x.size,)), shift, 0), x.shape)
    axes, shifts = _list(axis), _list(shift)
    if 1 in (len(axes), len(shifts)) and axes and shifts:
        count = max(len(axes), len(shifts))
        axes, shifts = axes * (count // len(axes)), shifts * (count // len(shifts))
    if len(axes) != len(shifts) or not all(isinstance(s, int | np.integer) for s in shifts):
        received = f"shift {shift!r} for axis {axis!r}"
        raise refuse("roll", received, "one integer, or one for each axis", "correct shift")
    for one, by in zip(axes, shifts, strict=True):
        x = _rolled(x, one_axis("roll", one, x.ndim), int(by))
    return same(x)


def _list(value: Any) -> list[Any]:
    """The elements of a tuple or list, or the one thing it is."""
    return list(value) if isinstance(value, tuple | list) else [value]


def _rolled(x: Base, axis: int, by: int) -> Tensor:
    size = x.shape[axis]
    first = -by % size if size else 0
    if first == 0:
        return same(x)
    if family(x.format) == "bfp16":  # which joins only by rounding anew
        return taken(x, tensor(np.roll(np.arange(size, dtype=np.int32), by)), axis)
    return joined("roll", [part(x, axis, first, size - first), part(x, axis, 0, first)], axis)


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """`x` turned by `k` quarters in the plane of two axes, from the first towards the second."""
    x = tensor(x)
    if not isinstance(k, int | np.integer):
        raise refuse("rot90", f"k = {k!r}", "a number of quarters", "give an integer")
    plane = [one_axis("rot90", a, x.ndim) for a in axes]
    if len(plane) != 2 or plane[0] == plane[1]:
        raise refuse("rot90", f"axes {axes!r}", "two different axes", "correct axes")
    order = list(range(x.ndim))
    order[plane[0]], order[plane[1]] = order[plane[1]], order[plane[0]]
    turns = int(k) % 4
    if turns % 2 == 0:
        return flip(x, plane) if turns else same(x)
    if turns == 1:
        return transposed(flip(x, plane[1]), tuple(order))
    return flip(transposed(x, tuple(order)), plane[1])


def repeat(x: Any, repeats: Axes, axis: int | None = None) -> Tensor:
    """Each element, or each index of an axis, several times in a row.

    Parameters
    ----------
    repeats : how often, one number for all or one for each index; numbers that are known, not tensors.
    axis : None repeats the row-major elements.
    """
    x = tensor(x)
    if axis is None:
        return repeat(reshaped(x, (x.size,)), repeats, 0)
    axis = one_axis("repeat", axis, x.ndim)
    size = x.shape[axis]
    counts = np.asarray(repeats) if not isinstance(repeats, Base) else None
    good = counts is not None and counts.ndim < 2 and (counts.dtype.kind in "iu" or not counts.size)
    if not good or counts is None or (counts.size not in (1, size)) or (counts < 0).any():
        received = f"repeats {repeats!r} for axis {axis} of shape {x.shape}"
        raise refuse("repeat", received, f"an integer from 0 on, or {size} of them", "correct repeats")
    if counts.size != 1:
        return taken(x, tensor(np.repeat(np.arange(size, dtype=np.int32), counts.astype(np.int64))), axis)
    times = int(counts.reshape(()))
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    spread = repeated(reshaped(x, (*before, size, 1, *after)), (*before, size, times, *after))
    return reshaped(spread, (*before, size * times, *after))


def tile(x: Any, reps: Axes) -> Tensor:
    """The whole of `x` side by side, as often as `reps` says for each axis, counted from the last one."""
    x = tensor(x)
    times = _list(reps)
    if not all(isinstance(t, int | np.integer) and t >= 0 for t in times):
        raise refuse("tile", f"reps {reps!r}", "integers from 0 on", "correct reps")
    rank = max(len(times), x.ndim)
    times = [1] * (rank - len(times)) + [int(t) for t in times]
    shape = (1,) * (rank - x.ndim) + x.shape
    ones: list[int] = []
    spread: list[int] = []
    for t, s in zip(times, shape, strict=True):
        ones += [s] if t == 1 else [1, s]
        spread += [s] if t == 1 else [t, s]
    wide = repeated(reshaped(x, tuple(ones)), tuple(spread))
    return reshaped(wide, tuple([t * s for t, s in zip(times, shape, strict=True)]))
