"""Boxes: rectangular parts of a tensor, as half-open spans of indices, one for each axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import prod

Span = tuple[int, int]
"""First index, and the one behind the last."""

Box = tuple[Span, ...]
"""One span for each axis; () is the only box of a scalar."""


def whole(shape: Sequence[int]) -> Box:
    """The box of a whole tensor."""
    return tuple((0, size) for size in shape)


def sizes(box: Box) -> tuple[int, ...]:
    """Elements along each axis."""
    return tuple(stop - start for start, stop in box)


def count(box: Box) -> int:
    """Elements in all."""
    return prod(sizes(box))


def index(box: Box) -> tuple[slice, ...]:
    """What an array is indexed with to read the box."""
    return tuple(slice(*span) for span in box)


def cut(size: int, parts: int, unit: int = 1) -> tuple[Span, ...]:
    """`size` in at most `parts` spans that differ by at most `unit`, cut at multiples of `unit`, the larger first."""
    units = -(-size // unit)
    parts = max(1, min(parts, units))
    small, more = divmod(units, parts)
    stops = [0]
    for i in range(parts):
        stops.append(stops[-1] + small + (i < more))
    return tuple((a * unit, min(b * unit, size)) for a, b in pairwise(stops))


def boxes(cuts: Sequence[Sequence[Span]]) -> Iterator[Box]:
    """All boxes of a tensor whose axes are cut so, the last axis fastest."""
    return product(*cuts)


def rectangles(shape: Sequence[int], span: Span) -> list[Box]:
    """The elements `span` of a tensor, counted row-major, as boxes that do not overlap, in order."""
    start, stop = span
    if start >= stop or not shape:
        return [()] if start < stop else []
    inner = prod(shape[1:])
    first, last = -(-start // inner), stop // inner
    if first > last:  # within one index of the first axis
        rest = rectangles(shape[1:], (start - last * inner, stop - last * inner))
        return [((last, last + 1), *box) for box in rest]
    found: list[Box] = []
    if start % inner:
        rest = rectangles(shape[1:], (start % inner, inner))
        found += [((first - 1, first), *box) for box in rest]
    if first < last:
        found.append(((first, last), *whole(shape[1:])))
    if stop % inner:
        found += [((last, last + 1), *box) for box in rectangles(shape[1:], (0, stop % inner))]
    return found


def reshaped(box: Box, old: Sequence[int], new: Sequence[int]) -> Box:
    """The smallest box of shape `new` that holds the elements of a box of shape `old`, both row-major.

    Axes that go over into each other one to one, and axes of size 1, are taken exactly.
    """
    if any(start >= stop for start, stop in box):
        return tuple((0, 0) for _ in new)
    found: list[Span] = []
    a = b = 0
    while a < len(old) or b < len(new):
        i, j = min(a + 1, len(old)), min(b + 1, len(new))
        while prod(old[a:i]) != prod(new[b:j]):
            if prod(old[a:i]) < prod(new[b:j]):
                i += 1
            else:
                j += 1
        found += _regrouped(box[a:i], old[a:i], new[b:j])
        a, b = i, j
    return tuple(found)


def _regrouped(box: Box, old: Sequence[int], new: Sequence[int]) -> list[Span]:
    """The same for axes that have equally many elements together."""
    if [s for s in old if s > 1] == [s for s in new if s > 1]:
        rest = iter([span for span, size in zip(box, old, strict=True) if size > 1])
        return [next(rest) if size > 1 else (0, 1) for size in new]
    first = last = 0
    for (start, stop), size in zip(box, old, strict=True):
        first, last = first * size + start, last * size + stop - 1
    spans: list[Span] = []
    apart = False
    step = prod(new)
    for size in new:
        step //= size
        (a, first), (b, last) = divmod(first, step), divmod(last, step)
        spans.append((0, size) if apart else (a, b + 1))
        apart = apart or a != b
    return spans
