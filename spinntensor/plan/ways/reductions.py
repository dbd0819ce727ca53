"""Ways of reductions and of largest magnitudes: rows, columns or all of a tensor, its sums split between workers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from math import prod

from spinntensor.errors import DTCMError, OperandError
from spinntensor.graph.graph import Node
from spinntensor.lower.operations import LARGEST, LARGEST_SUM, MANTISSA
from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import reductions as recipes
from spinntensor.plan.recipes.chain import Chain
from spinntensor.plan.recipes.chain_graph import VIEWS, chain_of
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.tiles import worker_tiles
from spinntensor.plan.ways.way import Sizes, Way

Made = Callable[[], Recipe]
TOPS = {LARGEST: "top", MANTISSA: "mantissa", LARGEST_SUM: "top sum"}
"""Magnitudes, by what the recipes call them."""
WHOLE, ROWS, COLUMNS = "whole", "rows", "columns"


def reductions(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """One reduction with the element-wise operations it reads; () where no kernels do it, or its axes lie mixed."""
    graph = setting.lowered.graph
    (node,) = [graph[i] for i in stage.nodes if graph[i].op in OPS]
    shape = graph[node.inputs[0]].type.shape
    axes = reduced_axes(node, len(shape))
    along = _along(shape, axes)
    if 0 in shape or not along:
        return ()
    op, form = TOPS.get(node.op, node.op), setting.form(node.inputs[0])
    try:
        recipes.way(op, form, ROWS if along == WHOLE else along)
        chain = _chain(setting, stage, node, shape, shape)
    except OperandError:
        return ()
    kept = tuple(axis.size for axis in stage.axes)
    size = prod(shape[i] for i in axes)
    box = _Box(setting, stage, node, shape, axes, along, op, form)
    order = tuple(range(len(kept)))
    found = []
    if along == ROWS or stage.sums is None:
        unit = DOUBLE // min(DOUBLE, recipes.way(op, form, ROWS if along == WHOLE else along).result)
        for sizes in worker_tiles(kept, setting.workers, unit):
            found.append(_way(along, sizes, (), box.one, order))
        return tuple(found)
    assert chain is not None and stage.sums.size == size
    for part in _parts(size, stage.sums.unit, setting.workers):
        sums = len(kept)
        cut = partial(box.one, part=part)
        found.append(_way(along, (*kept, part), (), cut, (*order, sums), box.join))
    return tuple(found)


OPS = frozenset({*TOPS, "sum", "prod", "max", "min", "any", "all", "argmax", "argmin"})


def _way(
    along: str,
    sizes: Sizes,
    operands: tuple[tuple[str, frozenset[int]], ...],
    recipe: Callable[[Sizes, frozenset[str]], tuple[Recipe, ...]],
    order: tuple[int, ...],
    join: Callable[[Sizes, int], Recipe | None] | None = None,
) -> Way:
    return Way(f"{along} reduced", tuple((s,) for s in sizes), operands, recipe, (order,), join)


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
        return ""
    turns = sum(a != b for a, b in pairwise(flags))
    if flags[-1]:
        return ROWS if turns == 1 else ""
    return COLUMNS if turns <= 2 else ""


def _parts(size: int, unit: int, workers: int) -> tuple[int, ...]:
    """How much of the sums a tile takes: all, or equal parts for all workers or half or a quarter of them."""
    found = [size]
    for count in (workers, workers // 2, workers // 4):
        part = -(-size // max(1, count))
        part = -(-part // unit) * unit
        if part < size:
            found.append(part)
    return tuple(dict.fromkeys(found))


def _chain(
    setting: Setting, stage: Stage, node: Node, shape: tuple[int, ...], tile: tuple[int, ...]
) -> Chain | None:
    """What is reduced, as a chain with one result."""
    graph = setting.lowered.graph
    behind = {i for i in stage.results if graph[i].op in VIEWS}
    nodes = [i for i in stage.nodes if i != node.id and i not in behind]
    return chain_of(graph, nodes, node.inputs[:1], shape, tile)[0]


class _Box:
    """Recipes of one reduction by the sizes of its results, and of its sums where they are cut."""

    def __init__(
        self,
        setting: Setting,
        stage: Stage,
        node: Node,
        shape: tuple[int, ...],
        axes: tuple[int, ...],
        along: str,
        op: str,
        form: str,
    ) -> None:
        self.setting, self.along, self.op, self.form = setting, along, op, form
        self.shape, self.axes = shape, axes
        self.size = prod(shape[i] for i in axes)
        self.unit = stage.sums.unit if stage.sums else 1
        self.chain = partial(_chain, setting, stage, node, shape)

    def one(self, sizes: Sizes, stay: frozenset[str], part: int = 0) -> tuple[Recipe, ...]:
        """Of a tile: `part` of the sums, or all of them."""
        kept = iter(sizes)
        results = prod(sizes[: len(self.shape) - len(self.axes)]) if not part else prod(sizes[:-1])
        whole_kept = prod(self.shape) // self.size
        tile = list(self.shape)
        free = [i for i in range(len(self.shape)) if i not in self.axes]
        if len(sizes) - bool(part) == len(free):
            for i, size in zip(free, kept, strict=False):
                tile[i] = size
        part = part or self.size
        last = next((i for i in reversed(range(len(self.shape))) if self.shape[i] > 1), 0)
        columns = tile[last]
        run = 0 if results == whole_kept or self.along == ROWS else columns
        try:
            chain = self.chain(tuple(tile))
            if self.along == ROWS:
                return (recipes.rows(self.op, results, self.size, self.form, chain, run, self.setting.room),)
            if self.along == WHOLE:
                made = recipes.whole(self.op, part, self.form, chain, 0, self.setting.room, self._left(part))
                return (made,)
            return (
                recipes.columns(
                    self.op,
                    part,
                    columns,
                    self.form,
                    chain,
                    max(1, results // columns),
                    run,
                    self.setting.room,
                    self._left(part),
                ),
            )
        except DTCMError:
            return ()

    def _left(self, part: int) -> int:
        """Subtrees that a part of the sums leaves: one, or the most that lie between two multiples of the unit."""
        if self.op != "sum" or part == self.size or (self.size % part == 0 and part & (part - 1) == 0):
            return 1
        return 2 * (-(-part // self.unit)).bit_length()

    def join(self, sizes: Sizes, parts: int) -> Recipe | None:
        """Of joining what `parts` tiles left of a box of results."""
        part = -(-self.size // parts)
        part = -(-part // self.unit) * self.unit
        try:
            return recipes.join(self.op, parts * self._left(part), prod(sizes), self.form, self.setting.room)
        except (DTCMError, OperandError):
            return None
