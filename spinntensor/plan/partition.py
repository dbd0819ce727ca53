"""The partitioner: how one stage is cut, by which kernels it is computed, and by which workers.

Every way, tile size and order of tiles is rated by the cost of its largest tile; the best of them are then laid out
tile by tile, dealt to the workers and added up exactly. No random number, clock or hash decides anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from math import ceil, lcm, prod

from spinntensor.lower.box import Span
from spinntensor.lower.stage import Stage
from spinntensor.machine.facts import Facts
from spinntensor.plan.cost import Run, row, tile_cost
from spinntensor.plan.cut import Cut
from spinntensor.plan.deal import deal
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.share import JOIN, TILES
from spinntensor.plan.ways.way import Sizes, Way, spans_of
from spinntensor.plan.work import Work

LATENCY, THROUGHPUT = "latency", "throughput"
OBJECTIVES = (THROUGHPUT, LATENCY)
FINALISTS = 4
"""Candidates that are laid out exactly."""


@dataclass(frozen=True)
class Context:
    """What holds for all stages: the figures of the machine, its workers, and what is wanted."""

    facts: Facts
    workers: int
    objective: str


@dataclass(frozen=True)
class Choice:
    """A stage's cut with what each worker does.

    Parameters
    ----------
    way, sizes : family of kernels, and the largest tile.
    cut : its tiles and their workers.
    recipe : of the largest tile.
    tiles, joins : for each worker its tiles in order, and its joining of partial sums (all empty without).
    recipes, join_recipes : by the sizes of a tile, and of a box whose partial sums are joined.
    """

    way: Way
    sizes: Sizes
    cut: Cut
    recipe: Recipe
    tiles: tuple[tuple[Run, ...], ...]
    joins: tuple[tuple[Run, ...], ...]
    recipes: tuple[tuple[Sizes, Recipe], ...]
    join_recipes: tuple[tuple[Sizes, Recipe], ...] = ()

    def works(self, facts: Facts, step: str = TILES) -> tuple[Work, ...]:
        """What each worker does in a step, under these figures."""
        rows = self.tiles if step == TILES else self.joins
        return tuple(row(runs, facts, len(rows)) for runs in rows)

    def busy(self, facts: Facts) -> tuple[float, ...]:
        """Cycles of each worker, transfers that hold it up included."""
        steps = zip(self.works(facts), self.works(facts, JOIN), strict=True)
        return tuple(sum(w.lead + w.body + w.tail for w in pair) for pair in steps)

    def score(self, context: Context) -> float:
        """Cycles that count for the objective: of the slowest worker in each step, or in both steps together."""
        steps = [[w.lead + w.body + w.tail for w in self.works(context.facts, s)] for s in (TILES, JOIN)]
        if context.objective == LATENCY:
            return sum(map(max, steps))
        return max(map(sum, zip(*steps, strict=True)))


@dataclass(frozen=True)
class Draft:
    """A candidate before it is laid out: a tile, the order of tiles, and about how many cycles the stage takes so.

    `kernels` are those that its tiles call, and the joining of partial sums.
    """

    score: float
    way: Way
    sizes: Sizes
    order: tuple[int, ...]
    recipe: Recipe
    kernels: frozenset[str]


def choose(
    stage: Stage,
    ways: Sequence[Way],
    context: Context,
    loads: Sequence[float],
    allowed: frozenset[str] | None = None,
) -> tuple[Choice, ...]:
    """The best ways to compute `stage`, best first; () where none fits the DTCM.

    loads : cycles that each worker has to do already, so that what is left over goes to the one with the least.
    allowed : kernels that may be called; None for all.
    """
    return laid_out(stage, drafts(stage, ways, context), context, loads, allowed)


def drafts(stage: Stage, ways: Sequence[Way], context: Context) -> tuple[Draft, ...]:
    """Candidates, the quickest first: of each set of kernels the best few, one of them with rims that they take."""
    failed: dict[tuple[str, frozenset[str]], list[Sizes]] = {}
    found: dict[frozenset[str], list[Draft]] = {}
    for way in ways:
        for sizes in sorted(way.combinations(), key=lambda s: (prod(s), s)):
            for draft in _drafts(stage, way, sizes, context, failed):
                found.setdefault(draft.kernels, []).append(draft)
    kept: list[Draft] = []
    for some in found.values():
        ranked = sorted(some, key=_rank)
        first = next((i for i, draft in enumerate(ranked) if _takes_rims(stage, draft)), 0)
        kept += ranked[:FINALISTS] + ranked[first : first + 1] * (first >= FINALISTS)
    return tuple(sorted(kept, key=_rank))


def _takes_rims(stage: Stage, draft: Draft) -> bool:
    """Whether there is a recipe for every size of its tiles."""
    axes = _spans(stage, draft.way, draft.sizes)
    sizes = product(*({stop - start for start, stop in spans} for spans in axes))
    return _recipes(draft, tuple(sizes), frozenset()) is not None


def laid_out(
    stage: Stage,
    candidates: Sequence[Draft],
    context: Context,
    loads: Sequence[float],
    allowed: frozenset[str] | None = None,
) -> tuple[Choice, ...]:
    """The best candidates, and the best one by other kernels than theirs, tile by tile; the quickest first.

    Where the rims of all of them are such that no kernel takes them, the best one of the others.
    """
    usable = [d for d in candidates if allowed is None or d.kernels <= allowed]
    kept = usable[:FINALISTS]
    names = {draft.recipe.kernel for draft in kept}
    kept += [d for d in usable[FINALISTS:] if d.recipe.kernel not in names][:1]
    choices = [c for c in (_laid_out(stage, d, context, loads) for d in kept) if c is not None]
    if not choices:
        others = (_laid_out(stage, d, context, loads) for d in usable[FINALISTS:])
        choices = list(islice((c for c in others if c is not None), 1))
    return tuple(sorted(choices, key=lambda c: (c.score(context), c.recipe.kernel, c.sizes)))


def _rank(draft: Draft) -> tuple[float, str, Sizes, tuple[int, ...]]:
    return draft.score, draft.recipe.kernel, draft.sizes, draft.order


def _spans(stage: Stage, way: Way, sizes: Sizes) -> tuple[tuple[Span, ...], ...]:
    axes = [*stage.axes, *([stage.sums] if stage.sums and len(sizes) > len(stage.axes) else [])]
    units = way.units or (1,) * len(axes)
    return tuple(spans_of(a.size, s, lcm(a.unit, u)) for a, s, u in zip(axes, sizes, units, strict=False))


def _drafts(
    stage: Stage,
    way: Way,
    sizes: Sizes,
    context: Context,
    failed: dict[tuple[str, frozenset[str]], list[Sizes]],
) -> Iterator[Draft]:
    """Candidates with a tile of these sizes; `failed` has those that do not fit, and larger ones do not either."""
    parts = [len(spans) for spans in _spans(stage, way, sizes)]
    each = ceil(prod(parts) / context.workers)
    for order in way.orders:
        stay = _staying(way, parts, order, each)
        small = failed.setdefault((way.name, stay), [])
        if any(all(a >= b for a, b in zip(sizes, s, strict=True)) for s in small):
            continue
        recipes = way.recipes(sizes, stay)
        if not recipes:
            small.append(sizes)
        fresh = {name: _fresh(axes, parts, order) for name, axes in way.operands}
        for recipe in recipes:
            cost = tile_cost(recipe, context.facts, context.workers)
            load = sum(cycles * fresh.get(name, 1.0) for name, cycles in cost.loads if name not in stay)
            score = cost.load + cost.steady(load) * (each - 1) + cost.compute + cost.store
            kernels = frozenset(recipe.code)
            if len(sizes) > len(stage.axes) and parts[-1] > 1:
                join = way.join(sizes[:-1], parts[-1]) if way.join else None
                if join is None:
                    continue
                boxes = ceil(prod(parts[:-1]) / context.workers)
                score += boxes * _alone(join, context)
                kernels |= frozenset(join.code)
            yield Draft(score, way, sizes, order, recipe, kernels)


def _alone(recipe: Recipe, context: Context) -> float:
    """Cycles of one of many equal tiles that all load everything."""
    cost = tile_cost(recipe, context.facts, context.workers)
    return cost.steady(cost.load)


def _fresh(axes: frozenset[int], parts: Sequence[int], order: Sequence[int]) -> float:
    """The part of the tiles, in this order, whose box of an operand differs from that of the tile before."""
    same = 1
    for axis in reversed(order):
        if axis in axes and parts[axis] > 1:
            break
        same *= parts[axis]
    return 1 / same


def _staying(way: Way, parts: Sequence[int], order: Sequence[int], each: int) -> frozenset[str]:
    """Operands that a worker with `each` tiles in a row loads once: a run of tiles with one box holds all of them."""
    found = []
    for name, axes in way.operands:
        same = round(1 / _fresh(axes, parts, order))
        if same >= prod(parts) or (same % each == 0 and same >= each):
            found.append(name)
    return frozenset(found)


def _laid_out(stage: Stage, draft: Draft, context: Context, loads: Sequence[float]) -> Choice | None:
    """The draft tile by tile; None where a smaller tile has no recipe (a rim that its kernels do not take)."""
    way, axes = draft.way, _spans(stage, draft.way, draft.sizes)
    tiles = [dict(zip(draft.order, t, strict=True)) for t in product(*(axes[a] for a in draft.order))]
    spans = [tuple(t[a] for a in range(len(axes))) for t in tiles]
    sizes = [tuple(stop - start for start, stop in s) for s in spans]
    each = ceil(len(tiles) / context.workers)
    stay = _staying(way, [len(a) for a in axes], draft.order, each)
    for attempt in (stay, frozenset[str]()):
        found = _recipes(draft, tuple(dict.fromkeys(sizes)), attempt)
        if found is None:
            continue
        costs = {s: _alone(r, context) for s, r in found.items()}
        owners = deal([costs[s] for s in sizes], loads)
        if _stays(way, spans, owners, attempt):
            count = len(stage.axes)
            cut = Cut(axes[:count], axes[count] if len(axes) > count else (), draft.order, owners)
            largest = max(sizes, key=lambda s: (prod(s), s))
            choice = Choice(
                way,
                draft.sizes,
                cut,
                found[largest],
                _runs(way, spans, cut, found, context),
                ((),) * context.workers,
                tuple(sorted(found.items(), key=lambda pair: pair[0])),
            )
            return _joined(choice, context, loads) if cut.partial else choice
    return None


def _recipes(draft: Draft, sizes: Sequence[Sizes], stay: frozenset[str]) -> dict[Sizes, Recipe] | None:
    """A recipe for each size of tiles, by the draft's kernels, cut like its own where that can be; or None."""
    found = {}
    for size in sizes:
        like = draft.way.alike and draft.way.alike(size, stay, draft.recipe)
        if like:
            found[size] = like
            continue
        some = [r for r in draft.way.recipes(size, stay) if draft.kernels.issuperset(r.code)]
        if not some:
            return None
        found[size] = min(
            some, key=lambda r: (r.kernel != draft.recipe.kernel, r.detail[:1] != draft.recipe.detail[:1])
        )
    return found


def _stays(way: Way, spans: Sequence[tuple[Span, ...]], owners: Sequence[int], stay: frozenset[str]) -> bool:
    """Whether these operands really have one box for each worker."""
    for name, axes in way.operands:
        if name in stay:
            boxes = {(w, tuple(s[a] for a in sorted(axes))) for s, w in zip(spans, owners, strict=True)}
            if len(boxes) > len(set(owners)):
                return False
    return True


def _runs(
    way: Way,
    spans: Sequence[tuple[Span, ...]],
    cut: Cut,
    recipes: Mapping[Sizes, Recipe],
    context: Context,
) -> tuple[tuple[Run, ...], ...]:
    """Each worker's tiles in order, equal neighbours together; what a worker holds already is not loaded."""
    rows: list[list[Run]] = [[] for _ in range(context.workers)]
    held: list[dict[str, tuple[Span, ...]]] = [{} for _ in rows]
    names = {name: sorted(axes) for name, axes in way.operands}
    for at, worker in zip(spans, cut.owners, strict=True):
        recipe = recipes[tuple(stop - start for start, stop in at)]
        boxes = {name: tuple(at[a] for a in axes) for name, axes in names.items()}
        fresh = frozenset(
            t.operand
            for t in recipe.loads
            if t.operand not in boxes or held[worker].get(t.operand) != boxes[t.operand]
        )
        held[worker] = boxes
        _append(rows[worker], recipe, fresh)
    return tuple(map(tuple, rows))


def _append(runs: list[Run], recipe: Recipe, fresh: frozenset[str]) -> None:
    """One more tile, in the last run where it is like those."""
    if runs and runs[-1].recipe == recipe and runs[-1].fresh == fresh:
        runs[-1] = Run(recipe, fresh, runs[-1].count + 1)
    else:
        runs.append(Run(recipe, fresh))


def _joined(choice: Choice, context: Context, loads: Sequence[float]) -> Choice | None:
    """The choice with its partial sums joined, box by box, by the workers that have the least to do; None where a join
    does not fit the DTCM."""
    assert choice.way.join is not None
    cut = choice.cut
    sizes = [tuple(stop - start for start, stop in box) for box in product(*cut.spans)]
    joins = {s: choice.way.join(s, len(cut.sums)) for s in dict.fromkeys(sizes)}
    found = {s: j for s, j in joins.items() if j is not None}
    if len(found) < len(joins):
        return None
    costs = [_alone(found[s], context) for s in sizes]
    joiners = deal(costs, [load + w.body for load, w in zip(loads, choice.works(context.facts), strict=True)])
    rows: list[list[Run]] = [[] for _ in range(context.workers)]
    for s, worker in zip(sizes, joiners, strict=True):
        _append(rows[worker], found[s], frozenset(t.operand for t in found[s].loads))
    return replace(
        choice,
        cut=replace(cut, joiners=joiners),
        joins=tuple(map(tuple, rows)),
        join_recipes=tuple(sorted(found.items(), key=lambda pair: pair[0])),
    )
