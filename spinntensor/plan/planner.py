"""`plan`: from a graph and a machine to a frozen `Plan`. Lower, find ways, choose kernels, cut, schedule, add up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType

from spinntensor.abi.engine import COMMAND
from spinntensor.errors import ITCMError, OperandError, SDRAMError, UnsupportedError
from spinntensor.graph.graph import Graph
from spinntensor.lower.stage import Lowered, Stage
from spinntensor.machine.facts import Facts, variants
from spinntensor.machine.geometry import Machine
from spinntensor.plan import code, sdram
from spinntensor.plan.accounts import bell_cycles, layer, totals
from spinntensor.plan.code import Option
from spinntensor.plan.keep import Cone, kept, lowered_with, whole_values
from spinntensor.plan.layout import Layout
from spinntensor.plan.needs import rules
from spinntensor.plan.partition import (
    LATENCY,
    OBJECTIVES,
    THROUGHPUT,
    Choice,
    Context,
    Draft,
    drafts,
    laid_out,
)
from spinntensor.plan.plan import Plan, Totals
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.missing import MISSING, reason
from spinntensor.plan.schedule import Schedule, busiest, scheduled
from spinntensor.plan.share import JOIN, TILES, Share
from spinntensor.plan.simulate import steady
from spinntensor.plan.ways.setting import Setting
from spinntensor.plan.ways.table import ways
from spinntensor.plan.work import Work

PHASES = (1, 2)
"""Groups of stages that are tried for a stream of batches."""
LEANER = 6
"""Times that constants are packed more tightly before a plan is refused for its memory."""
CONSTANTS = "w"
"""Name of the operand that holds a stage's constants, in recipes."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """All stages with their choices."""

    lowered: Lowered
    setting: Setting
    context: Context
    choices: tuple[Choice, ...]
    runners: tuple[Choice | None, ...]
    roles: Mapping[int, str]

    def works(self, facts: Facts) -> dict[tuple[int, str], tuple[Work, ...]]:
        """What each worker does in each step of each stage, under these figures."""
        return {
            (number, step): choice.works(facts, step)
            for number, choice in enumerate(self.choices)
            for step in (TILES, JOIN)
        }


def plan(
    graph: Graph,
    machine: Machine,
    *,
    model: str = "graph",
    format: str = "",
    objective: str = THROUGHPUT,
    batch: int = 1,
    roles: Mapping[int, str] = MappingProxyType({}),
) -> Plan:
    """How `graph` runs on `machine`, which has one chip.

    Parameters
    ----------
    graph : after `spinntensor.machine.host.optimised`; all that it computes is one period. Where it updates variables,
        as a training step does, values may be computed again instead of being kept.
    model, format : what the plan is called.
    objective : `throughput`, a stream of periods, or `latency`, one period alone.
    batch : images that the graph takes.
    roles : what variables are, by the ids of their nodes, for the error of a model that does not fit.

    Equal input gives an equal plan.

    Errors
    ------
    UnsupportedError for operations without kernels, all of them at once; DTCMError, ITCMError and SDRAMError for what
    does not fit; OperandError for an objective that is none, and for several chips.
    """
    if objective not in OBJECTIVES:
        raise OperandError("plan", "objective", repr(objective), " or ".join(OBJECTIVES), "choose one")
    if len(machine.chips) != 1:
        received = f"{machine.name}, {len(machine.chips)} chips"
        raise OperandError("plan", "machine", received, "one chip", "take machine chip")
    training = bool(graph.updates)
    limit = machine.facts.sdram_usable_bytes
    cones = kept(graph, _layouts(machine), limit) if training else ()
    while True:
        lowered = lowered_with(graph, cones)
        try:
            return _planned(lowered, cones, machine, (model, format, objective), batch, roles)
        except SDRAMError as error:
            live = sdram.live_bytes(whole_values(lowered, _layouts(machine)(lowered), roles))
            more = kept(graph, _layouts(machine), live - (error.needed - error.available)) if training else ()
            if len(more) <= len(cones):
                raise
            cones = more


def _layouts(machine: Machine) -> Callable[[Lowered], Callable[[int], Layout]]:
    """How the values of a lowered graph lie in the machine's SDRAM."""
    return lambda lowered: Setting(lowered, machine.facts, machine.workers).layout


def _planned(
    lowered: Lowered,
    cones: tuple[Cone, ...],
    machine: Machine,
    names: tuple[str, str, str],
    batch: int,
    roles: Mapping[int, str],
) -> Plan:
    """The plan of a lowered graph; `names` are those of model, format and objective."""
    facts, workers = machine.facts, machine.workers
    model, format, objective = names
    setting = Setting(lowered, facts, workers)
    context = Context(facts, workers, objective)
    sdram.check(whole_values(lowered, setting.layout, roles), facts, batch)
    candidates = _candidates(setting, context)
    found, schedule = _fitting(setting, context, candidates, batch, roles)
    rung = bell_cycles(schedule, workers)
    made = tuple(
        layer(lowered, stage, choice, runner, schedule, rung, context)
        for stage, choice, runner in zip(lowered.stages, found.choices, found.runners, strict=True)
    )
    return Plan(
        model,
        machine.name,
        format,
        objective,
        batch,
        tuple((c.x, c.y, n + 1) for c in machine.chips for n in range(c.workers)),
        machine.applications,
        made,
        schedule.shares,
        schedule.order,
        schedule.memory.buffers,
        totals(lowered, schedule, machine, batch),
        schedule.line.spans,
        tuple(_variants(found, schedule, machine, batch)),
        cones,
    )


def _candidates(setting: Setting, context: Context) -> list[tuple[Draft, ...]]:
    """The candidates of each stage; UnsupportedError for stages without any."""
    found: list[tuple[Draft, ...]] = []
    missing: dict[tuple[str, str], None] = {}
    known: dict[object, tuple[Draft, ...]] = {}
    for stage in setting.lowered.stages:
        mine = ways(setting, stage)
        key = mine, stage.axes, stage.sums
        some = known[key] = known[key] if key in known else drafts(stage, mine, context)
        if not some:
            for i in stage.nodes:
                node = setting.lowered.graph[i]
                form = setting.form(node.inputs[0] if node.inputs else node.id)
                words = reason(node.op, form) if (node.op, form) in MISSING else ""
                missing[f"{node.op} {node.type}{words and f' ({words})'}", node.source] = None
        found.append(some)
    if missing:
        raise UnsupportedError(missing)
    return found


def _fitting(
    setting: Setting,
    context: Context,
    candidates: Sequence[tuple[Draft, ...]],
    batch: int,
    roles: Mapping[int, str],
) -> tuple[Chosen, Schedule]:
    """Choices whose code fits the ITCM and whose values fit the SDRAM, with their schedule."""
    picked = _picked(setting, context.facts, candidates)
    for attempt in range(LEANER):
        found = _cut(setting, context, candidates, picked, roles)
        try:
            return found, _best_schedule(found, batch)
        except SDRAMError as error:
            leaner = _leaner(setting, candidates, picked, error.needed - error.available)
            if leaner is None or attempt == LEANER - 1:
                raise
            picked = leaner
    raise AssertionError("the last attempt returns or raises")


def _picked(setting: Setting, facts: Facts, candidates: Sequence[tuple[Draft, ...]]) -> list[Draft]:
    """A candidate for each stage, all their kernels together within the ITCM."""
    options = {
        number: [Option(draft.kernels, draft.score) for draft in some]
        for number, some in enumerate(candidates)
    }
    limit = code.room(facts)
    taken = code.chosen(options, limit)
    picked = [some[taken[number]] for number, some in enumerate(candidates)]
    names = sorted({kernel for draft in picked for kernel in draft.kernels})
    if code.code_bytes(names) > limit:
        raise ITCMError(code.code_bytes(names), limit, {kernel: code.size_of(kernel) for kernel in names})
    return picked


def _leaner(
    setting: Setting, candidates: Sequence[tuple[Draft, ...]], picked: Sequence[Draft], excess: int
) -> list[Draft] | None:
    """Other candidates, by the same kernels, whose constants are smaller; those first that cost least for a byte."""
    allowed = {kernel for draft in picked for kernel in draft.kernels}
    swaps = []
    for number, some in enumerate(candidates):
        stage, now = setting.lowered.stages[number], picked[number]
        for draft in some:
            saved = packed_bytes(stage, now) - packed_bytes(stage, draft)
            if saved > 0 and draft.kernels <= allowed:
                swaps.append((max(0.0, draft.score - now.score) / saved, number, -saved, draft))
    made, saved, done = list(picked), 0, set()
    for _, number, less, draft in sorted(swaps, key=lambda s: s[:3]):
        if saved >= excess:
            break
        if number not in done:
            made[number], saved = draft, saved - less
            done.add(number)
    return made if done else None


def packed_bytes(stage: Stage, draft: Draft | Choice) -> int:
    """Bytes of the stage's constants in SDRAM, packed as this candidate wants them."""
    axes = dict(draft.way.operands).get(CONSTANTS, frozenset[int]())
    parts = prod(-(-stage.axes[a].size // draft.sizes[a]) for a in axes if a < len(stage.axes))
    plain = sum(t.nbytes for t in draft.recipe.loads if t.operand == CONSTANTS)
    return parts * max(draft.recipe.packed, plain) if draft.recipe.packed else 0


def _cut(
    setting: Setting,
    context: Context,
    candidates: Sequence[tuple[Draft, ...]],
    picked: Sequence[Draft],
    roles: Mapping[int, str],
) -> Chosen:
    """Each stage laid out tile by tile; what is left over goes to the workers that have least so far."""
    allowed = frozenset(kernel for draft in picked for kernel in draft.kernels)
    loads = [0.0] * context.workers
    choices: list[Choice] = []
    runners: list[Choice | None] = []
    for stage, some, draft in zip(setting.lowered.stages, candidates, picked, strict=True):
        most = packed_bytes(stage, draft)
        usable = [d for d in some if d.kernels <= allowed and packed_bytes(stage, d) <= most]
        found = laid_out(stage, usable, context, loads) or laid_out(stage, some, context, loads, allowed)
        if not found:
            raise OperandError(
                stage.name, "tiles", "rims that no kernel takes", "a cut", "choose another batch"
            )
        choices.append(found[0])
        runners.append(next((c for c in found[1:] if c.recipe != found[0].recipe), None))
        for worker, busy in enumerate(found[0].busy(context.facts)):
            loads[worker] += busy
    return Chosen(setting.lowered, setting, context, tuple(choices), tuple(runners), roles)


def _best_schedule(found: Chosen, batch: int) -> Schedule:
    """The schedule with the shortest period; for latency, and for graphs with variables, the one in a single phase."""
    stream = found.context.objective != LATENCY and not found.lowered.graph.updates
    best = _schedule(found, batch, 1)
    bound = busiest(best.shares, best.order, best.bells)
    for phases in PHASES[1:] if stream and best.run.interval > 1.01 * bound else ():
        try:
            other = _schedule(found, batch, phases)
        except SDRAMError:
            continue
        if other.run.interval < 0.99 * best.run.interval:
            best = other
    return best


def _schedule(found: Chosen, batch: int, phases: int) -> Schedule:
    lowered, facts, workers = found.lowered, found.context.facts, found.context.workers
    works = found.works(facts)
    packed = {s.number: packed_bytes(s, c) for s, c in zip(lowered.stages, found.choices, strict=True)}
    kernels = {k for c in found.choices for k in _kernels(c)}
    return scheduled(
        lowered,
        [c.cut for c in found.choices],
        lambda stage, step, worker: works[stage, step][worker],
        rules(lowered),
        found.setting.layout,
        {number: nbytes for number, nbytes in packed.items() if nbytes},
        facts,
        workers,
        batch,
        phases,
        [sum(_tasks(c, worker) for c in found.choices) for worker in range(workers)],
        code.code_bytes(kernels) + code.size_of(code.ENGINE) + COMMAND.size * _procedures(found.choices),
        roles=found.roles,
    )


def _kernels(choice: Choice) -> set[str]:
    runs = [run for rows in (choice.tiles, choice.joins) for row in rows for run in row]
    return {kernel for run in runs for kernel in run.recipe.code}


def _tasks(choice: Choice, worker: int) -> int:
    """Tasks of a worker for a stage: one for each tile, and for each box whose partial sums it joins."""
    return sum(run.count for rows in (choice.tiles, choice.joins) for run in rows[worker])


def _procedures(choices: Sequence[Choice]) -> int:
    """Commands of the procedures that tasks name: those of a tile, once for all tiles that are alike."""
    alike = {
        (run.recipe, run.fresh)
        for choice in choices
        for rows in (choice.tiles, choice.joins)
        for row in rows
        for run in row
    }
    return sum(_each(recipe, fresh) for recipe, fresh in alike)


def _each(recipe: Recipe, fresh: frozenset[str]) -> int:
    moves = sum(t.pieces for t in recipe.loads if t.operand in fresh) + sum(t.pieces for t in recipe.stores)
    return moves + 1 + sum(call.count for call in recipe.calls)


def _variants(
    found: Chosen, schedule: Schedule, machine: Machine, batch: int
) -> Iterator[tuple[str, Totals]]:
    """The plan's totals under other figures that were never measured; the plan itself stays."""
    for facts in variants(machine.facts):
        works = found.works(facts)
        shares = tuple(_retimed(share, works) for share in schedule.shares)
        run = steady(shares, schedule.order, schedule.bells)
        words = f"SDRAM {facts.sdram_mb_per_s:g} MB/s, peripheral access {facts.peripheral_cycles} cycles"
        other = replace(schedule, shares=shares, run=run)
        yield words, totals(found.lowered, other, machine, batch)


def _retimed(share: Share, works: Mapping[tuple[int, str], tuple[Work, ...]]) -> Share:
    return replace(share, **vars(works[share.stage, share.step][share.worker]))
