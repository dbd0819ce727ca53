"""Operations that only move or make elements, box by box: views, joins, borders, constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinntensor.formats.description import Quantized
from spinntensor.lower.box import Box, Span, count, reshaped, sizes
from spinntensor.lower.kinds import MOVE, kind
from spinntensor.lower.operations import LOWERED
from spinntensor.lower.site import Boxes, Site, Tiling
from spinntensor.ops.operation import Value

EMPTY = (0, 0)
"""The span of nothing."""


def _run(site: Site, *operands: Value, **attributes: Any) -> Any:
    """The operation with some attributes changed."""
    return LOWERED[site.node.op].run(*operands, **{**site.attributes, **attributes})


def _transpose_reads(site: Site, box: Box) -> Boxes:
    axes = site["axes"]
    return (tuple(box[axes.index(i)] for i in range(len(axes))),)


def _broadcast_reads(site: Site, box: Box) -> Boxes:
    shape = site.types[0].shape
    kept = box[len(box) - len(shape) :]
    return (tuple((0, 1) if size == 1 else span for size, span in zip(shape, kept, strict=True)),)


def _reshape_reads(site: Site, box: Box) -> Boxes:
    return (reshaped(box, site.shape, site.types[0].shape),)


def _reshape(site: Site, box: Box, operands: list[Value]) -> Any:
    """The box from the smallest one that holds it, which may have other elements as well."""
    (x,) = operands
    old, data = site.types[0].shape, x if isinstance(x, np.ndarray) else x.data
    if data.size == count(box):
        return _run(site, x, shape=sizes(box))
    (read,) = _reshape_reads(site, box)
    there = np.ravel_multi_index(np.ix_(*(np.arange(*span) for span in box)), site.shape)
    found = data[tuple(i - at for i, (at, _) in zip(np.unravel_index(there, old), read, strict=True))]
    return found if isinstance(x, np.ndarray) else Quantized(x.grid, found)


def _concatenate_reads(site: Site, box: Box) -> Boxes:
    """Of each operand, what lies in the box; its axis shows where it starts in the result."""
    axis, at, found = site["axis"], 0, []
    first, last = box[axis]
    for kind_ in site.types:
        size = kind_.shape[axis]
        span = max(first - at, 0), min(last - at, size)
        found.append((*box[:axis], span if span[0] < span[1] else EMPTY, *box[axis + 1 :]))
        at += size
    return tuple(found)


def _taken(span: Span, start: int, step: int) -> Span:
    """The places, from the lowest on, of the elements `span` of start, start + step, ..."""
    if span[0] >= span[1]:
        return EMPTY
    ends = start + span[0] * step, start + (span[1] - 1) * step
    return min(ends), max(ends) + 1


def _slice_reads(site: Site, box: Box) -> Boxes:
    return (tuple(map(_taken, box, site["start"], site["step"])),)


def _slice(site: Site, box: Box, operands: list[Value]) -> Any:
    starts = tuple(
        max(n - 1, 0) if by < 0 else 0 for n, by in zip(operands[0].shape, site["step"], strict=True)
    )
    return _run(site, operands[0], start=starts, size=sizes(box))


def _put(span: Span, start: int, step: int, count: int) -> Span:
    """Which of `count` elements, put at start, start + step, ..., lie in a span."""
    first, last = span
    if step < 0:  # the same places from the other end
        first, last, start, step = -last + 1, -first + 1, -start, -step
    low, high = max(-((start - first) // step), 0), min(-((start - last) // step), count)
    return (low, high) if low < high and span[0] < span[1] else EMPTY


def _place_reads(site: Site, box: Box) -> Boxes:
    return (tuple(map(_put, box, site["start"], site["step"], site.types[0].shape)),)


def _place(site: Site, box: Box, operands: list[Value]) -> Any:
    (inner,) = _place_reads(site, box)
    starts = tuple(
        start + span[0] * step - at[0] if span[0] < span[1] else 0
        for at, span, start, step in zip(box, inner, site["start"], site["step"], strict=True)
    )
    return _run(site, operands[0], start=starts, shape=sizes(box))


def _pad_reads(site: Site, box: Box) -> Boxes:
    return (tuple(map(_put, box, site["before"], [1] * len(box), site.types[0].shape)),)


def _pad(site: Site, box: Box, operands: list[Value]) -> Any:
    (inner,) = _pad_reads(site, box)
    before = tuple(
        start + span[0] - at[0] if span[0] < span[1] else 0
        for at, span, start in zip(box, inner, site["before"], strict=True)
    )
    after = tuple(n - b - k for n, b, k in zip(sizes(box), before, sizes(inner), strict=True))
    return _run(site, operands[0], before=before, after=after)


def _move(reads: Any, run: Any) -> Tiling:
    return Tiling(kind(MOVE), reads, run)


def _nothing(site: Site, box: Box) -> Boxes:
    return ()


TILINGS: dict[str, Tiling] = {
    "fill": _move(_nothing, lambda site, box, operands: _run(site, shape=sizes(box))),
    "iota": _move(_nothing, lambda site, box, operands: np.arange(*box[0])),
    "reshape": _move(_reshape_reads, _reshape),
    "transpose": _move(_transpose_reads, lambda site, box, operands: _run(site, *operands)),
    "broadcast_to": _move(
        _broadcast_reads, lambda site, box, operands: _run(site, *operands, shape=sizes(box))
    ),
    "concatenate": _move(_concatenate_reads, lambda site, box, operands: _run(site, *operands)),
    "slice": _move(_slice_reads, _slice),
    "place": _move(_place_reads, _place),
    "pad": _move(_pad_reads, _pad),
}
