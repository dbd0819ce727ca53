"""Ways of element-wise stages: each worker walks its part in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from math import prod

from spinntensor.errors import DTCMError, OperandError
from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE, Layout
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import maps as recipes
from spinntensor.plan.recipes.chain import FULL, Extent
from spinntensor.plan.recipes.chain_graph import Leaf, Mapped, mapped
from spinntensor.plan.recipes.lines import (
    WORD,
    Frame,
    Lines,
    UnevenError,
    axes_of,
    cuttable,
    joined,
    lines_of,
    units_of,
)
from spinntensor.plan.ways.setting import Setting
from spinntensor.plan.ways.tiles import worker_tiles
from spinntensor.plan.ways.way import Sizes, Way


@dataclass(frozen=True, eq=False)
class Map:
    """An element-wise stage on tiles of one size.

    Parameters
    ----------
    made : its operations.
    on : where the tile's elements lie.
    """

    made: Mapped
    on: recipes.Elements


@dataclass(frozen=True, eq=False)
class Maps:
    """An element-wise stage, whatever its tiles.

    Parameters
    ----------
    nodes, results, full : ids of what is computed and of what is kept, and the shape of all of it.
    """

    setting: Setting
    nodes: tuple[int, ...]
    results: tuple[int, ...]
    full: Sizes

    @cached_property
    def whole(self) -> Mapped:
        """The operations on the whole shape."""
        return mapped(self.setting.lowered.graph, self.nodes, self.results, self.full, self.placed(self.full))

    @cached_property
    def units(self) -> Sizes:
        """Multiples at which each axis is cut."""
        layout = self.setting.layout
        values = [(layout(leaf.node), leaf.shape) for leaf in self.whole.operands if leaf is not None]
        return units_of([*values, *((layout(i), self.full) for i in self.results)], self.full)

    @cached_property
    def pitch(self) -> int:
        """Elements from row to row in the DTCM: as many as the most padded result or operand of whole rows has.

        Values in blocks of channels have no padding, and nothing that is computed with them has it either.
        """
        if not self.full:
            return 1
        graph, layout = self.setting.lowered.graph, self.setting.layout
        wide = [i for i in self._operands if graph[i].type.size == prod(self.full) > self.full[-1]]
        ours = [layout(i) for i in (*self.results, *wide)]
        if any(one.block for one in ours):
            return self.full[-1]
        rows = [one.row // one.item for one in ours if one.shape and one.shape[-1] == self.full[-1]]
        return max(rows, default=self.full[-1])

    @cached_property
    def _operands(self) -> list[int]:
        graph, inside = self.setting.lowered.graph, set(self.nodes)
        return list(dict.fromkeys(i for n in self.nodes for i in graph[n].inputs if i not in inside))

    def placed(self, tile: Sizes) -> Sizes:
        """Sizes of a tile in the DTCM."""
        return (*tile[:-1], self.pitch) if tile and tile[-1] == self.full[-1] else tile

    def cuttable(self, tile: Sizes) -> bool:
        """Whether tiles of these sizes are whole double words of all results and narrow operands."""
        layout = self.setting.layout
        values = [(layout(i), self.full) for i in self.results]
        values += [
            (layout(leaf.node), leaf.shape)
            for leaf in self.whole.operands
            if leaf is not None and layout(leaf.node).item < WORD
        ]
        return all(
            cuttable(one, shape, tuple(min(a, b) for a, b in zip(tile, shape, strict=True)))
            for one, shape in values
        )

    @lru_cache(1 << 12)  # noqa: B019  # stages are kept as long
    def on(self, tile: Sizes) -> Map:
        """A tile of these sizes; OperandError where its values lie so that no kernel brings them together."""
        *some, last = range(max(1, len(tile)))
        for least in some:
            try:
                return self._in_groups(tile, least)
            except UnevenError:
                continue
        return self._in_groups(tile, last)

    def _in_groups(self, tile: Sizes, least: int) -> Map:
        """A tile whose groups are numbered by at least so many of the first axes."""
        graph, axes = self.setting.lowered.graph, (least, len(tile))
        made = mapped(graph, self.nodes, self.results, self.full, self.placed(tile), groups=axes)
        frame = Frame(self.full, tile, self.pitch, made.prefix, self.units)
        layout, chain = self.setting.layout, made.chain
        loads = tuple(
            None if leaf is None else operand_lines(layout(leaf.node), leaf, value.extent, frame, self.full)
            for leaf, value in zip(made.operands, chain.operands, strict=True)
        )
        stores = tuple(
            lines_of(layout(i).item, axes_of(layout(i), self.full), frame, written=True) for i in self.results
        )
        return Map(made, recipes.Elements(frame.each, frame.groups, loads, stores, frame.pads))


def operand_lines(
    layout: Layout,
    leaf: Leaf,
    extent: Extent,
    frame: Frame,
    full: Sizes,
    groups: Sequence[Sequence[int]] | None = None,
) -> Lines:
    """The lines of an operand, axes of the shape `full` taken together as `groups` says; one that shares elements in
    more ways than an extent says has each of them as often as it is needed."""
    together = [(a,) for a in range(len(full))] if groups is None else groups
    axes = joined(axes_of(layout, leaf.shape), full, together, extent == FULL)
    return lines_of(layout.item, axes, frame, extent.run)


@lru_cache(256)
def map_of(setting: Setting, stage: Stage) -> Maps:
    """An element-wise stage."""
    return Maps(setting, stage.nodes, stage.results, tuple(axis.size for axis in stage.axes))


def maps(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """Operations of one shape, computed together; () where kernels do not compute one of them."""
    work = map_of(setting, stage)
    if 0 in work.full:
        return ()
    try:
        recipes.planned(work.whole.chain)
        units = work.units
    except OperandError:
        return ()
    recipe = partial(_recipe, work)
    order = (tuple(range(len(work.full))),)
    unit = DOUBLE // narrowest(setting, stage)
    block = min((setting.block(i) for i in stage.results if setting.block(i)), default=0)
    found = dict.fromkeys(
        (*sizes[:-1], block) if block and block < sizes[-1] else sizes
        for sizes in worker_tiles(work.full, setting.workers, unit)
    )
    return tuple(
        Way("map", tuple((size,) for size in sizes), (), recipe, order, units=units)
        for sizes in found
        if work.cuttable(sizes) and recipe(sizes, frozenset())
    )


def narrowest(setting: Setting, stage: Stage) -> int:
    """Bytes of the narrowest element that a stage reads or leaves."""
    return min(setting.layout(i).item for i in (*stage.inputs, *stage.results))


def _recipe(work: Maps, sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
    try:
        made = work.on(sizes)
        return (recipes.on_elements(made.made.chain, made.on, work.setting.room),)
    except (DTCMError, OperandError):
        return ()
