"""`plan`: from a graph and a machine to a frozen `Plan`. Lower, find ways, choose kernels, cut, schedule, add up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from spinntensor.errors import OperandError, SDRAMError
from spinntensor.graph.graph import Graph
from spinntensor.lower.stage import Lowered
from spinntensor.machine.facts import variants
from spinntensor.machine.geometry import Machine
from spinntensor.plan import sdram
from spinntensor.plan.accounts import bell_cycles, layer, totals
from spinntensor.plan.choosing import Chosen, candidates, cut_up, leaner, picked
from spinntensor.plan.keep import Cone, kept, lowered_with, whole_values
from spinntensor.plan.layout import Layout
from spinntensor.plan.needs import rules
from spinntensor.plan.partition import LATENCY, OBJECTIVES, THROUGHPUT, Context
from spinntensor.plan.plan import Plan, Totals
from spinntensor.plan.programs import TABLES_BYTES, procedure_bytes, worker_bytes
from spinntensor.plan.schedule import Schedule, busiest, host_fed, scheduled, share_phases
from spinntensor.plan.share import Share
from spinntensor.plan.simulate import steady
from spinntensor.plan.ways.setting import Setting
from spinntensor.plan.work import Work

PHASES = (1, 2)
"""Groups of stages that are tried for a stream of batches."""
LEANER = 6
"""Times that constants are packed more tightly before a plan is refused for its memory."""


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
    found, schedule = _fitting(setting, context, batch, roles)
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


def _fitting(
    setting: Setting, context: Context, batch: int, roles: Mapping[int, str]
) -> tuple[Chosen, Schedule]:
    """Choices whose code fits the ITCM and whose values fit the SDRAM, with their schedule."""
    offers = candidates(setting, context)
    taken = picked(context.facts, offers)
    for attempt in range(LEANER):
        found = cut_up(setting, context, offers, taken, roles)
        try:
            return found, _best_schedule(found, batch)
        except SDRAMError as error:
            others = leaner(setting.lowered, offers, taken, error.needed - error.available)
            if others is None or attempt == LEANER - 1:
                raise
            taken = others
    raise AssertionError("the last attempt returns or raises")


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
    parts = sum(1 + c.cut.partial for c in found.choices)
    programs = [worker_bytes(found.tasks(worker), parts) for worker in range(workers)]
    procedures = TABLES_BYTES + sum(procedure_bytes(recipe, fresh) for recipe, fresh in found.procedures)
    return scheduled(
        lowered,
        [c.cut for c in found.choices],
        lambda stage, step, worker: works[stage, step][worker],
        rules(lowered),
        found.setting.layout,
        found.packed,
        facts,
        workers,
        batch,
        phases,
        programs,
        procedures,
        roles=found.roles,
    )


def _variants(
    found: Chosen, schedule: Schedule, machine: Machine, batch: int
) -> Iterator[tuple[str, Totals]]:
    """The plan's totals under other figures that were never measured; the plan itself stays."""
    for facts in variants(machine.facts):
        works = found.works(facts)
        shares = tuple(_retimed(share, works) for share in schedule.shares)
        run = steady(shares, schedule.order, schedule.bells, share_phases(shares, schedule.phases))
        fed = replace(schedule.fed, interval=host_fed(run.interval, schedule.host))
        words = f"SDRAM {facts.sdram_mb_per_s:g} MB/s, peripheral access {facts.peripheral_cycles} cycles"
        other = replace(schedule, shares=shares, run=run, fed=fed)
        yield words, totals(found.lowered, other, machine, batch)


def _retimed(share: Share, works: Mapping[tuple[int, str], tuple[Work, ...]]) -> Share:
    return replace(share, **vars(works[share.stage, share.step][share.worker]))
