"""A cut: how a stage is divided into tiles, in which order they run, and which worker computes each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from spinntensor.lower.box import Box, Span


@dataclass(frozen=True)
class Task:
    """One tile: a box of a stage's results, and the part of what is summed over (None: all of it)."""

    box: Box
    sums: Span | None = None


@dataclass(frozen=True)
class Cut:
    """A stage's tiles.

    Parameters
    ----------
    spans : for each axis of the results, the spans it is cut into, in order; together they cover it once.
    sums : spans of what is summed over where it is cut, else (). With more than one, each tile leaves partial sums,
        and the parts of a box are joined in a second step, by the worker `joiners` names for it.
    order : the axes from the slowest to the fastest of the order of tiles; the sums are axis `len(spans)`.
    owners : the worker of each tile, in that order.
    joiners : the worker that joins each box, the boxes taken with their last axis fastest; () without partial sums.
    """

    spans: tuple[tuple[Span, ...], ...]
    sums: tuple[Span, ...] = ()
    order: tuple[int, ...] = ()
    owners: tuple[int, ...] = ()
    joiners: tuple[int, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether tiles leave partial sums."""
        return len(self.sums) > 1

    @property
    def parts(self) -> tuple[int, ...]:
        """Spans of each axis, of the sums last where they are cut."""
        return (*map(len, self.spans), *([len(self.sums)] if self.sums else []))

    @property
    def tiles(self) -> int:
        return prod(self.parts)

    @cached_property
    def workers(self) -> tuple[int, ...]:
        """The workers that have a tile or join one, in ascending order."""
        return tuple(sorted({*self.owners, *self.joiners}))

    def __iter__(self) -> Iterator[tuple[Task, int]]:
        """Tiles in order, each with its worker."""
        axes = [*self.spans, *([self.sums] if self.sums else [])]
        order = self.order or tuple(range(len(axes)))
        place = {axis: i for i, axis in enumerate(order)}
        for found, owner in zip(product(*(axes[a] for a in order)), self.owners, strict=True):
            spans = tuple(found[place[a]] for a in range(len(axes)))
            yield (Task(spans[:-1], spans[-1]) if self.sums else Task(spans)), owner

    def joins(self) -> Iterator[tuple[Box, int]]:
        """Boxes whose partial sums are joined, each with its worker."""
        return zip(product(*self.spans), self.joiners, strict=True)
