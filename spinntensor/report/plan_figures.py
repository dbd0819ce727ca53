"""Figures that the reports of a plan share: rates of layers, why shares waited, how busy workers are, and the roofs.

All of it follows from the plan; nothing is planned or simulated here. Cycles are model cycles.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinntensor.abi import memory
from spinntensor.errors import UnknownNameError
from spinntensor.machine.facts import Facts
from spinntensor.machine.facts import facts as default_facts
from spinntensor.plan.needs import FETCH, RETURN
from spinntensor.plan.plan import BODY, DOORBELLS, INPUT, LEAD, LINK, OUTPUT, Layer, Plan, Span
from spinntensor.plan.recipes.parts import ENGINE_BYTES, ROOM
from spinntensor.plan.share import Share

TERMS = ("kernels", "engine", "dma", "doorbells", "idle")
"""What a layer's time goes into, in the order in which reports show it."""

BELOW = (("kernel state", memory.STATE_BYTES), ("tile engine", ENGINE_BYTES))
ABOVE = (("stack", memory.STACK_BYTES),)
"""What lies in the DTCM below and above a worker's regions, with its bytes; the regions have `ROOM` between them."""


@dataclass(frozen=True)
class Row:
    """A layer with the figures that follow from it.

    Parameters
    ----------
    layer : as it is planned.
    ms : milliseconds that its slowest worker takes for a period.
    share : its part of all layers' time, summed over workers, waiting included.
    rate : logical MACs per cycle of a worker, waiting included.
    nbytes : bytes that its workers move by DMA in a period.
    dtcm : the part of the room for regions in the DTCM that its largest tile takes.
    """

    layer: Layer
    ms: float
    share: float
    rate: float
    nbytes: int
    dtcm: float


def rows(plan: Plan, facts: Facts | None = None) -> tuple[Row, ...]:
    """The layers in order."""
    clock = (facts or default_facts()).clock_hz
    moved: dict[int, int] = defaultdict(int)
    for share in plan.shares:
        moved[share.stage] += share.loaded + share.stored
    spent = [sum(layer.terms.values()) for layer in plan.layers]
    total = sum(spent)
    return tuple(
        Row(
            layer,
            1e3 * layer.cycles / clock,
            cycles / total if total else 0.0,
            layer.macs / cycles if cycles else 0.0,
            moved[layer.stage],
            layer.recipe.dtcm_bytes / ROOM,
        )
        for layer, cycles in zip(plan.layers, spent, strict=True)
    )


def terms(layers: Sequence[Layer]) -> dict[str, float]:
    """Cycles of the layers by term, those of `TERMS` first; terms that a planner adds come behind."""
    made = dict.fromkeys(TERMS, 0.0)
    for layer in layers:
        for name, cycles in layer.terms.items():
            made[name] = made.get(name, 0.0) + cycles
    return made


def layer_named(plan: Plan, name: str) -> Layer:
    """The layer of this name; UnknownNameError when there is none."""
    for layer in plan.layers:
        if layer.name == name:
            return layer
    raise UnknownNameError("layer", name, [layer.name for layer in plan.layers])


@dataclass(frozen=True)
class Waited:
    """Cycles in which a worker did nothing before a share, and the share that let it go on: its number and period, or
    None where its own transfers, or nothing known, held it up."""

    cycles: float
    share: int | None
    period: int


def waited(plan: Plan) -> dict[tuple[int, int], Waited]:
    """For each share and period of the time line that began later than its worker was free, why.

    What ended last among the things that a share waits for let it go on, when that was after its worker was free.
    Kernels and doorbells keep a worker from being free; its transfers do not.
    """
    ends = _ends(plan)
    found = {}
    for lane in _lanes(plan.spans, (BODY, DOORBELLS)).values():
        free = 0.0
        for span in lane:
            if span.start > free:
                found[span.share, span.period] = _why(plan.shares[span.share], span, free, ends)
            free = max(free, span.end)
    return found


def _why(share: Share, span: Span, free: float, ends: Mapping[tuple[int, int], float]) -> Waited:
    before = [(wait.share, span.period - wait.periods) for wait in share.waits]
    end, number, period = max(((ends[key], *key) for key in before if key in ends), default=(0.0, 0, 0))
    known = end > free
    return Waited(span.start - free, number if known else None, period if known else span.period)


def _ends(plan: Plan) -> dict[tuple[int, int], float]:
    """When each share was done in each period, its last transfer included; those of the host too."""
    step = {INPUT: FETCH, OUTPUT: RETURN}
    host = {share.step: share.number for share in plan.shares if share.worker == LINK}
    ends: dict[tuple[int, int], float] = {}
    for span in plan.spans:
        share = span.share if span.lane != LINK else host.get(step.get(span.kind, ""), LINK)
        ends[share, span.period] = max(ends.get((share, span.period), 0.0), span.end)
    return ends


def _lanes(spans: Sequence[Span], kinds: tuple[str, ...]) -> dict[int, list[Span]]:
    """For each worker, its spans of these kinds, by time."""
    lanes: dict[int, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda s: (s.lane, s.start, s.end)):
        if span.kind in kinds and span.lane != LINK:
            lanes[span.lane].append(span)
    return lanes


def busy_by_layer(plan: Plan) -> list[list[float | None]]:
    """For each worker a list over the layers: its cycles of kernels and tile engine, as a part of the layer's cycles.

    None where the worker has nothing to do in the layer.
    """
    issue: dict[tuple[int, int], float] = defaultdict(float)
    for share in plan.shares:
        issue[share.worker, share.stage] += share.issue
    return [
        [
            issue[worker, layer.stage] / layer.cycles
            if (worker, layer.stage) in issue and layer.cycles
            else None
            for layer in plan.layers
        ]
        for worker in range(len(plan.workers))
    ]


def busy_over_time(plan: Plan, bins: int) -> list[list[float]]:
    """For each worker, the part of each of `bins` equal stretches of the time line in which it computes.

    Kernels and tile engine count; within a share they are taken to be spread evenly.
    """
    made = [[0.0] * bins for _ in plan.workers]
    end = max((span.end for span in plan.spans), default=0.0)
    width = end / bins
    density = {share.number: share.issue / share.body if share.body else 0.0 for share in plan.shares}
    for lane, spans in _lanes(plan.spans, (BODY,)).items():
        for span in spans:
            first, last = int(span.start / width), min(bins - 1, int(span.end / width))
            for i in range(first, last + 1):
                part = min(span.end, (i + 1) * width) - max(span.start, i * width)
                made[lane][i] += max(0.0, part) / width * density[span.share]
    return made


def shown_period(plan: Plan) -> int:
    """The period of the time line that stands for the steady state: the middle one."""
    periods = sorted({span.period for span in plan.spans if span.lane != LINK})
    return periods[len(periods) // 2] if periods else 0


def bandwidths(facts: Facts, workers: int) -> list[tuple[float, float]]:
    """SDRAM figures at which reports show results, MB/s, each with the bytes per cycle that it gives a worker.

    All workers are taken to share the SDRAM; a worker's own DMA controller gives no more than a word in
    `dma_word_cycles`.
    """
    tried = facts.figure("sdram_mb_per_s").tried
    given = "sdram_mb_per_s" in facts.given
    rates = sorted({facts.sdram_mb_per_s} if given else {facts.sdram_mb_per_s, *tried})
    own = 4 / facts.dma_word_cycles
    return [(mb, min(own, mb * 1e6 / facts.clock_hz / workers)) for mb in rates]


def period_bounds(plan: Plan) -> list[float]:
    """Where the periods of the time line begin: the first start of any share of each."""
    starts: dict[int, float] = {}
    for span in plan.spans:
        if span.lane != LINK and span.kind in (LEAD, BODY):
            starts[span.period] = min(starts.get(span.period, span.start), span.start)
    return [starts[p] for p in sorted(starts)]
