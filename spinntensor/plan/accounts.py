"""What a plan adds up to: for each layer the terms of its cost, and for the whole what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spinntensor.lower.stage import Lowered, Stage
from spinntensor.machine.geometry import Machine
from spinntensor.plan.cost import tile_cost
from spinntensor.plan.doorbells import doorbells
from spinntensor.plan.energy import energy
from spinntensor.plan.partition import Choice, Context
from spinntensor.plan.plan import DMA, DOORBELLS, HOST, ISSUE, Layer, Totals
from spinntensor.plan.schedule import Schedule
from spinntensor.plan.share import JOIN, TILES
from spinntensor.plan.simulate import doorbell_counts


def layer(
    lowered: Lowered,
    stage: Stage,
    choice: Choice,
    runner: Choice | None,
    schedule: Schedule,
    rung: Mapping[int, Sequence[float]],
    context: Context,
) -> Layer:
    """A stage as it is planned, with the terms of its cost; `rung` is what `bell_cycles` gives."""
    facts, workers = context.facts, context.workers
    bells = rung.get(stage.number, (0.0,) * workers)
    kernels = engine = 0.0
    for rows in (choice.tiles, choice.joins):
        for run in (run for row in rows for run in row):
            cost = tile_cost(run.recipe, facts, workers)
            kernels += run.count * cost.kernels
            engine += run.count * cost.engine
    works = [*choice.works(facts, TILES), *choice.works(facts, JOIN)]
    waited = sum(w.lead + w.body + w.tail - w.issue for w in works)
    busy = choice.busy(facts)
    slowest = max(b + bell for b, bell in zip(busy, bells, strict=True))
    terms = {
        "kernels": kernels,
        "engine": engine,
        "dma": waited,
        "doorbells": sum(bells),
        "idle": sum(slowest - b - bell for b, bell in zip(busy, bells, strict=True)),
    }
    names = [axis.name for axis in stage.axes]
    if choice.cut.sums and stage.sums:
        names.append(f"sum {stage.sums.name}")
    tile = tuple(
        (str(i) if names.count(n) > 1 else n, s)
        for i, (n, s) in enumerate(zip(names, choice.sizes, strict=False))
    )
    return Layer(
        stage.number,
        stage.name,
        stage.kind,
        lowered.graph[stage.results[0]].type.shape,
        stage.macs,
        choice.cut,
        choice.recipe,
        tile,
        max(busy),
        terms,
        _bound(stage, lowered, terms, schedule),
        _words(runner, context),
        choice.recipes,
        choice.join_recipes,
        schedule.phases[stage.number],
    )


def bell_cycles(schedule: Schedule, workers: int) -> dict[int, list[float]]:
    """For each stage the cycles that each worker spends on doorbells in a period."""
    heard, rung = doorbell_counts(schedule.shares)
    found: dict[int, list[float]] = {}
    for share in schedule.shares:
        bells = heard[share.number] + rung[share.number]
        found.setdefault(share.stage, [0.0] * workers)[share.worker] += schedule.bells.cost * bells
    return found


def _bound(stage: Stage, lowered: Lowered, terms: dict[str, float], schedule: Schedule) -> str:
    """What would have to be quicker for the layer to be quicker."""
    inputs = {n.id for n in lowered.graph.inputs}
    if (
        inputs & {lowered.home(i) for i in stage.inputs}
        and schedule.fed.interval > 1.01 * schedule.run.interval
    ):
        return HOST
    if terms["doorbells"] > terms["kernels"] + terms["engine"]:
        return DOORBELLS
    return DMA if terms["dma"] > 0.1 * (terms["kernels"] + terms["engine"]) else ISSUE


def _words(runner: Choice | None, context: Context) -> str:
    """The second best way in words."""
    if runner is None:
        return ""
    sizes = "x".join(map(str, runner.sizes))
    return f"{runner.recipe.kernel}, tiles {sizes}: {runner.score(context):,.0f} cycles"


def totals(lowered: Lowered, schedule: Schedule, machine: Machine, batch: int) -> Totals:
    """What the plan is worth in its steady state; rates count every application core of the machine."""
    clock, run = machine.facts.clock_hz, schedule.run
    rings = doorbells(schedule.shares, schedule.order, machine.facts)
    each = energy(machine, run.interval, sum(run.busy), len(rings.rings), batch)
    return Totals(
        images_per_s=batch * clock / run.interval,
        images_per_s_host_fed=batch * clock / schedule.fed.interval,
        latency_ms=run.latency / clock * 1e3,
        period_cycles=run.interval,
        fill_cycles=run.fill,
        drain_cycles=run.drain,
        bubble_cycles=sum(run.bubbles),
        mac_per_worker_cycle=lowered.macs / (run.interval * machine.applications),
        joules_per_image=each.total,
        host_share=schedule.host_share,
        sdram_bytes=schedule.memory.nbytes,
    )
