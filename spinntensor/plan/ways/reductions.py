"""Ways of reductions and of largest magnitudes: rows, columns or all of a tensor, its sums split between workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import pairwise
from math import prod

from spinntensor.errors import DTCMError, OperandError
from spinntensor.graph.graph import Node
from spinntensor.lower.box import Box, Span
from spinntensor.lower.operations import LARGEST, LARGEST_SUM, MANTISSA
from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import maps as blocks
from spinntensor.plan.recipes import reductions as recipes
from spinntensor.plan.recipes.chain_graph import VIEWS, Mapped, mapped
from spinntensor.plan.recipes.lines import Frame, Lines, axes_of, flat, lines_of, units_of
from spinntensor.plan.recipes.reductions import COLUMNS, ROWS, WHOLE, Reduction
from spinntensor.plan.ways.maps import operand_lines
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.tiles import worker_tiles
from spinntensor.plan.ways.way import Sizes, Way

TOPS = {LARGEST: "top", MANTISSA: "mantissa", LARGEST_SUM: "top sum"}
"""Magnitudes, by what the recipes call them."""
OPS = frozenset({*TOPS, "sum", "prod", "max", "min", "any", "all", "argmax", "argmin"})
FREE = frozenset({"max", "min", "any", "all", "top"})
"""Whose parts are joined in any order, and may end anywhere."""
GRAIN = 8
"""Sums are cut at multiples of it, so that parts of the narrowest operand are whole double words."""


@dataclass(frozen=True, eq=False)
class Reduce:
    """A reduction, whatever its tiles.

    Parameters
    ----------
    node : that reduces; `shape` is its operand's, `axes` what it reduces, `along` where that lies.
    nodes : ids of what computes the operand within the stage.
    """

    setting: Setting
    stage: Stage
    node: Node
    shape: Sizes
    axes: Sizes
    along: str
    nodes: tuple[int, ...]

    @property
    def op(self) -> str:
        return TOPS.get(self.node.op, self.node.op)

    @property
    def form(self) -> str:
        return self.setting.form(self.node.inputs[0])

    @cached_property
    def size(self) -> int:
        """Elements of each result."""
        return prod(self.shape[a] for a in self.axes)

    @cached_property
    def together(self) -> tuple[tuple[int, ...], ...]:
        """The axes of the operand that are taken as one: the reduced ones, which come first where all are of size 1;
        else axes of size 1 left out."""
        kept = [(a,) for a, size in enumerate(self.shape) if size > 1 and a not in self.axes]
        reduced = tuple(a for a in self.axes if self.shape[a] > 1)
        before = sum(a < reduced[0] for (a,) in kept) if reduced else 0
        return (*kept[:before], reduced or self.axes, *kept[before:])

    @cached_property
    def place(self) -> int:
        """Where the reduced axes are among these."""
        return next(i for i, axes in enumerate(self.together) if axes[0] in self.axes)

    @cached_property
    def full(self) -> Sizes:
        """Sizes of these."""
        return tuple(prod(self.shape[a] for a in axes) for axes in self.together)

    @cached_property
    def pitch(self) -> int:
        """Elements in the DTCM from row to row of the last of these axes: padded as the most padded operand is, but for
        several axes that are reduced together, and where an operand is a view of other rows: its elements may lie
        equally far apart, which rows of the tile then do as well."""
        last = self.together[-1]
        if self.along == WHOLE or len(last) > 1:
            return self.full[-1]
        graph, layout = self.setting.lowered.graph, self.setting.layout
        inside = set(self.nodes)
        operands = [i for n in (*self.nodes, self.node.id) for i in graph[n].inputs if i not in inside]
        found = [layout(i) for i in operands if graph[i].type.size == prod(self.shape) > self.full[-1]]
        if any(one.shape[-1] != self.full[-1] for one in found):
            return self.full[-1]
        return max((one.row // one.item for one in found if not one.block), default=self.full[-1])

    @cached_property
    def units(self) -> Sizes:
        """Multiples at which each axis of the results is cut."""
        shape, layout = self._axes, self.setting.layout(self.stage.results[0])
        return units_of([(layout, shape)], shape)

    @property
    def _axes(self) -> Sizes:
        return tuple(axis.size for axis in self.stage.axes)

    def kept(self, sizes: Sizes) -> Sizes:
        """Of sizes along the stage's axes those that are axes here."""
        return tuple(size for size, axis in zip(sizes, self.stage.axes, strict=True) if axis.size > 1)

    def mapped(self, tile: Sizes) -> Mapped:
        """What is reduced, as a chain with one result."""
        groups = (0, self.place) if self.along == ROWS else (self.place, self.place)
        graph = self.setting.lowered.graph
        return mapped(graph, self.nodes, self.node.inputs[:1], self.shape, tile, self.together, groups)

    @lru_cache(1 << 12)  # noqa: B019  # stages are kept as long
    def on(self, sizes: Sizes, part: int) -> tuple[Reduction, Mapped]:
        """A tile of results of these sizes, `part` of the sums; OperandError where its values lie otherwise."""
        kept = self.kept(sizes)
        tile = (*kept[: self.place], part, *kept[self.place :])
        frame = Frame(self.full, tile, self.pitch)
        made = self.mapped(frame.placed)
        cuts = self.kept(self.units)
        units = (*cuts[: self.place], GRAIN, *cuts[self.place :])
        frame = Frame(self.full, tile, self.pitch, made.prefix, units)
        chain = made.chain
        loads = tuple(
            None
            if leaf is None
            else operand_lines(
                self.setting.layout(leaf.node), leaf, value.extent, frame, self.shape, self.together
            )
            for leaf, value in zip(made.operands, chain.operands, strict=True)
        )
        on = blocks.Elements(frame.each, frame.groups, loads, (None,), frame.pads)
        way = recipes.way(self.op, self.form, ROWS if self.along == WHOLE else self.along)
        if way.turned and self.along != COLUMNS:
            chain = recipes.turned(chain)
        step = prod(frame.placed[self.place + 1 :]) if self.along == COLUMNS else frame.placed[-1]
        step = 1 if self.along == WHOLE else step
        result = self._result(sizes, part, way.result, frame.groups * step)
        return Reduction(self.op, self.form, self.along, chain, on, part, step, result), made

    def _result(self, sizes: Sizes, part: int, item: int, columns: int) -> Lines:
        """The lines of the results; of partial ones those side by side that are joined."""
        if part < self.size:
            return flat(item, columns if self.along == COLUMNS else 1)
        return self.result(sizes, item, self.pitch if self.along == COLUMNS else 0)

    def result(self, sizes: Sizes, item: int, pitch: int = 0) -> Lines:
        """The lines of results whose rows lie `pitch` apart, or side by side by 0."""
        shape, layout = self._axes, self.setting.layout(self.stage.results[0])
        last = shape[-1] if shape else 1
        frame = Frame(shape, sizes, pitch if pitch and last > 1 else last, 0, self.units)
        return lines_of(item, axes_of(layout, shape), frame, written=True)

    def box(self, box: Box, sums: Span | None) -> Box:
        """The axes here of a box of the results and a part of the sums."""
        kept = [span for span, axis in zip(box, self.stage.axes, strict=True) if axis.size > 1]
        return (*kept[: self.place], sums or (0, self.size), *kept[self.place :])

    @property
    def parted(self) -> bool:
        """Whether parts of the sums, and what they are joined to, lie side by side: no groups, no padding between."""
        if self.place or (len(self.full) > 2 and self.pitch != self.full[-1]):
            return False
        lines = self.result(self._axes, recipes.way(self.op, self.form, COLUMNS).result)
        return lines.direct and lines.count == 1


@lru_cache(256)
def reduction_of(setting: Setting, stage: Stage) -> Reduce | None:
    """The reduction of a stage; None where it reduces axes that lie mixed."""
    graph = setting.lowered.graph
    (node,) = [graph[i] for i in stage.nodes if graph[i].op in OPS]
    shape = graph[node.inputs[0]].type.shape
    axes = reduced_axes(node, len(shape))
    along = _along(shape, axes)
    if 0 in shape or not along:
        return None
    op, form = TOPS.get(node.op, node.op), setting.form(node.inputs[0])
    if along == WHOLE and (op, form) in recipes.REDUCTIONS and not recipes.REDUCTIONS[op, form].columns:
        along = ROWS
    behind = {i for i in stage.results if graph[i].op in VIEWS}
    nodes = tuple(i for i in stage.nodes if i != node.id and i not in behind)
    return Reduce(setting, stage, node, shape, axes, along, nodes)


def reductions(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """One reduction with the element-wise operations it reads; () where no kernels do it, or its axes lie mixed."""
    work = reduction_of(setting, stage)
    if work is None:
        return ()
    try:
        way = recipes.way(work.op, work.form, ROWS if work.along == WHOLE else work.along)
        blocks.planned(work.mapped(work.full).chain)
        units = work.units
    except OperandError:
        return ()
    kept = tuple(axis.size for axis in stage.axes)
    unit = DOUBLE // min(DOUBLE, way.result)
    order = tuple(range(len(kept)))
    split = (stage.sums is not None and work.along != ROWS) * (1,)
    recipe, join = partial(_recipe, work), partial(_join, work)
    found = [
        (*tile, *((work.size,) * len(split)))
        for tile in (worker_tiles(kept, setting.workers, unit) if kept else ((),))
    ]
    ways = [
        Way(
            f"{work.along} reduced",
            tuple((s,) for s in sizes),
            (),
            recipe,
            ((*order, *((len(kept),) * len(split))),),
            join if split else None,
            (*units, *split),
        )
        for sizes in found
    ]
    if split and work.parted:
        assert stage.sums is not None and stage.sums.size == work.size
        for part in _parts(work, stage.sums.unit):
            sizes = tuple((s,) for s in (*kept, part))
            ways.append(
                Way(f"{work.along} in parts", sizes, (), recipe, ((*order, len(kept)),), join, (*units, part))
            )
    return tuple(way for way in ways if recipe(tuple(s for (s,) in way.sizes), frozenset()))


def reduced_axes(node: Node, rank: int) -> tuple[int, ...]:
    """The axes that a node reduces, ascending."""
    given = attributes(node)
    axis = given.get("axis")
    if "axes" in given:
        return tuple(sorted(given["axes"]))  # type: ignore[call-overload]  # axes
    if node.op in TOPS:
        return tuple(i for i in range(rank) if i != axis)
    return (axis,)  # type: ignore[return-value]  # of a position


def _along(shape: tuple[int, ...], axes: tuple[int, ...]) -> str:
    """Whether what is reduced is everything, the last axes or those before them; "" where it lies mixed."""
    flags = [i in axes for i, size in enumerate(shape) if size > 1]
    if all(flags):
        return WHOLE
    if not any(flags):
        return COLUMNS  # of one element each
    turns = sum(a != b for a, b in pairwise(flags))
    if flags[-1]:
        return ROWS if turns == 1 else ""
    return COLUMNS if turns <= 2 else ""


def _parts(work: Reduce, unit: int) -> Iterator[int]:
    """How much of the sums a tile takes: equal parts for all workers or half or a quarter of them. A part of sums of
    float32 is a power of two, and so a whole subtree; only the last may be shorter."""
    found: dict[int, None] = {}
    for count in (work.setting.workers, work.setting.workers // 2, work.setting.workers // 4):
        part = -(-work.size // max(1, count))
        if work.op in FREE:
            found[-(-part // GRAIN) * GRAIN] = None
        else:
            least = max(unit, GRAIN)
            found[max(least, 1 << part.bit_length() - 1)] = None
            found[max(least, 1 << (part - 1).bit_length())] = None
    yield from (part for part in found if part < work.size)


def _recipe(work: Reduce, sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
    """Of a tile: a part of the sums, or all of them."""
    kept, part = (sizes[:-1], sizes[-1]) if len(sizes) > len(work.stage.axes) else (sizes, work.size)
    try:
        return (recipes.recipe(work.on(kept, part)[0], work.setting.room),)
    except (DTCMError, OperandError):
        return ()


def _join(work: Reduce, sizes: Sizes, parts: int) -> Recipe | None:
    """Of joining what `parts` tiles left of a box of results."""
    try:
        return recipes.join(work.op, parts, prod(sizes), work.form, work.setting.room)
    except (DTCMError, OperandError):
        return None
