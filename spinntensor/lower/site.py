"""What a rule of lowering sees of the graph: one operation with the types of its operands, and parts of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spinntensor.formats.description import Bfp16, Grid, Quantized
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.lower.box import Box, Span, index
from spinntensor.lower.stage import Axis
from spinntensor.ops.operation import DTYPES, Counted, Value, family

Boxes = tuple[Box, ...]
"""A box of each operand."""
Part = Any
"""What one tile of a split sum leaves for the join: a rule's own affair."""


@dataclass(frozen=True, eq=False)
class Site:
    """An operation in its place: the node, and the types of its operands."""

    node: Node
    types: tuple[TensorType, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result."""
        return self.node.type.shape

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        return dict(self.node.attributes)

    def __getitem__(self, name: str) -> Any:
        """An attribute."""
        return self.attributes[name]


@dataclass(frozen=True)
class Split:
    """How the sums of an operation are cut between tiles.

    Parameters
    ----------
    axis : what is summed over, or None where it cannot be split.
    reads : boxes of the operands for a span of it; several where the span is no box. They do not overlap.
    partial : what a tile leaves, from the operands in each of these boxes.
    join : a box of the result from its parts, in the order of their spans.
    beside : boxes of the operands, by their places, that cores read beside the parts: what exponents are made of.
    """

    axis: Callable[[Site], Axis | None]
    reads: Callable[[Site, Box, Span], list[Boxes]]
    partial: Callable[[Site, Box, Span, list[list[Value]]], Part]
    join: Callable[[Site, Box, list[Part]], Value | Counted]
    beside: Callable[[Site], Mapping[int, Box]] = lambda site: {}


@dataclass(frozen=True)
class Tiling:
    """How one operation is computed box by box.

    Parameters
    ----------
    kind : the family of its stages (see `spinntensor.lower.kinds`).
    reads : the boxes of the operands that a box of the result is made of.
    run : a box of the result from the operands in these boxes.
    units : multiples at which each axis of the result may be cut.
    split : how its sums are cut; None where it has none.
    macs : logical multiply-accumulates.
    """

    kind: Callable[[Site], str]
    reads: Callable[[Site, Box], Boxes]
    run: Callable[[Site, Box, list[Value]], Value | Counted]
    units: Callable[[Site], tuple[int, ...]] = lambda site: (1,) * len(site.shape)
    split: Split | None = None
    macs: Callable[[Site], int] = lambda site: 0


def dtype_of(form: str) -> np.dtype[Any]:
    """How an array of this format is stored on the host; `sums` are exact sums of bfp16 products."""
    stored: dict[str, np.dtype[Any]] = {"bfp16": np.dtype(np.int16), "sums": np.dtype(np.float64)}
    return stored[family(form)] if family(form) in stored else DTYPES[form]


def part_of(value: Value, box: Box) -> Value:
    """The box of a value; of bfp16 with the exponents that belong to it."""
    where: Any = (..., *index(box)) if not box else index(box)
    if isinstance(value, np.ndarray):
        return value[where]
    grid, axis = value.grid, value.grid.format.axis
    if axis is not None and grid.scale is not None and grid.zero_point is not None:
        axis %= value.data.ndim
        some = slice(*box[axis])
        grid = Grid(Bfp16(axis), grid.scale[some], grid.zero_point[some])
    return Quantized(grid, value.data[where])


def parted(result: Value | Counted) -> tuple[Value, dict[str, int]]:
    """A result and its counts."""
    if isinstance(result, Counted):
        return result.value, dict(result.counts)
    return result, {}


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all of these."""
    filled = [b for b in boxes if all(stop > start for start, stop in b)] or list(boxes[:1])
    return tuple((min(s[0] for s in axis), max(s[1] for s in axis)) for axis in zip(*filled, strict=True))
