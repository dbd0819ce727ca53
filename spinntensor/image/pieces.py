"""Where the bytes of a box of a value lie: the runs in which the DMA controller moves them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from spinntensor.lower.box import Box, Span, sizes
from spinntensor.plan.layout import DOUBLE, Layout


@dataclass(frozen=True)
class Piece:
    """A run of bytes: `offset` into the value, a multiple of 8, and its length, not always a multiple of 8."""

    offset: int
    nbytes: int


def dimensions(layout: Layout) -> tuple[int, ...]:
    """Sizes in memory, from the outermost to the innermost: blocks of channels stand before rows and columns."""
    if not layout.block:
        return layout.shape or (1,)
    *outer, h, w, c = layout.shape
    return (*outer, c // layout.block, h, w * layout.block)


def strides(layout: Layout) -> tuple[int, ...]:
    """Bytes from one index to the next along each of `dimensions`."""
    found, step = [layout.item], layout.row
    for size in reversed(dimensions(layout)[1:]):
        found.append(step)
        step *= size
    if len(found) > 1:
        found[1] = layout.row
        for i, size in zip(range(2, len(found)), reversed(dimensions(layout)[1:-1]), strict=True):
            found[i] = found[i - 1] * size
    return tuple(reversed(found))


def spans_in_memory(layout: Layout, box: Box) -> list[Span]:
    """A box of the value as spans of `dimensions`; channels of a blocked value are taken in whole blocks."""
    spans = list(box) or [(0, 1)]
    if not layout.block:
        return spans
    *outer, h, w, (first, stop) = spans
    blocks = (first // layout.block, -(-stop // layout.block))
    return [*outer, blocks, h, (w[0] * layout.block, w[1] * layout.block)]


def pieces(layout: Layout, box: Box) -> list[Piece]:
    """The runs of a box in the order of memory: whole innermost dimensions are joined, padding between them included.

    They are those that `Layout.transfer` counts.
    """
    spans, whole_sizes, steps = spans_in_memory(layout, box), dimensions(layout), strides(layout)
    counts = sizes(tuple(spans))
    if 0 in counts:
        return []
    inner, joined = len(counts) - 1, counts[-1] == whole_sizes[-1]
    nbytes = layout.row if joined else counts[-1] * layout.item
    while joined and inner:
        inner -= 1
        nbytes *= counts[inner]
        joined = counts[inner] == whole_sizes[inner]
    start = sum(span[0] * step for span, step in zip(spans[inner:], steps[inner:], strict=True))
    return [
        Piece(start + sum(i * step for i, step in zip(at, steps[:inner], strict=True)), nbytes)
        for at in product(*(range(*span) for span in spans[:inner]))
    ]


def doubles(nbytes: int) -> int:
    """Bytes in whole double words."""
    return -(-nbytes // DOUBLE) * DOUBLE


def elements(shape: Sequence[int]) -> int:
    """Elements of a box of these sizes."""
    return prod(shape)
