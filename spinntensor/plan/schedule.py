"""The steady state of a plan: who does what in which order in each period, and how long a period is.

Stages may be split into phases: consecutive groups, of which group p works in each period on the batch that began p
periods before. The shares of the groups are interleaved, so that one group computes while the other waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType

from spinntensor.lower.stage import Lowered
from spinntensor.machine.facts import Facts
from spinntensor.plan.cut import Cut
from spinntensor.plan.deal import runs
from spinntensor.plan.doorbells import Bells, bells
from spinntensor.plan.layout import Layout
from spinntensor.plan.needs import HOST, HOST_OUT, Reads, needs
from spinntensor.plan.sdram import Memory, placed
from spinntensor.plan.share import JOIN, Share
from spinntensor.plan.shares import WorkOf, resident, shares
from spinntensor.plan.simulate import Run, doorbell_counts, simulate, steady
from spinntensor.plan.values import copies_of, values
from spinntensor.plan.waits import reduced

Order = tuple[tuple[int, ...], ...]
"""For each worker, numbers of its shares as it does them in a period."""


@dataclass(frozen=True)
class Schedule:
    """A period, with memory and time.

    Parameters
    ----------
    phases : of each stage.
    shares, order : of the workers, inputs and outputs resident in SDRAM.
    memory : of the SDRAM.
    run : simulated until it is steady.
    fed : the same, with the host writing inputs and reading outputs on its link.
    host : cycles in which the host writes the inputs of a batch, and reads its outputs.
    bells : figures that were used for doorbells.
    line : a run of a few batches with its time line, fed by the host.
    """

    phases: tuple[int, ...]
    shares: tuple[Share, ...]
    order: Order
    memory: Memory
    run: Run
    fed: Run
    host: tuple[float, float]
    bells: Bells
    line: Run

    @property
    def host_share(self) -> float:
        """The part of the host-fed period in which the link is busy."""
        return sum(self.host) / self.fed.interval if self.fed.interval else 0.0


def scheduled(
    lowered: Lowered,
    cuts: Sequence[Cut],
    work: WorkOf,
    reads: Reads,
    layout: Callable[[int], Layout],
    packed: Mapping[int, int],
    facts: Facts,
    workers: int,
    images: int,
    phases: int = 1,
    programs: Sequence[int] = (),
    code: int = 0,
    batches: int = 3,
    roles: Mapping[int, str] = MappingProxyType({}),
) -> Schedule:
    """Shares, memory and simulated time of a plan.

    Parameters
    ----------
    cuts, work, reads, layout, packed, programs, code, roles : as for `shares` and `values`.
    phases : groups of stages, balanced by the busiest worker of each stage; 1 for graphs with variables.
    batches : of the time line.

    SDRAMError when the values do not fit; OperandError for phases that the graph does not allow.
    """
    keys = [(s, step) for s in range(len(cuts)) for step in ("tiles", *([JOIN] if cuts[s].partial else []))]
    loads = [0.0] * len(cuts)
    for stage, step in keys:
        owners = cuts[stage].joiners if step == JOIN else cuts[stage].owners
        loads[stage] += max((work(stage, step, w).body for w in set(owners)), default=0.0)
    groups = phases_of(loads, phases)
    found = values(lowered, cuts, reads, layout, packed, programs, code, groups, roles)
    memory = placed(found, facts, images)
    host = host_cycles(lowered, layout, facts)
    made = shares(
        lowered,
        cuts,
        work,
        needs(lowered, cuts, reads),
        copies_of(found),
        memory.reuses,
        groups,
        host,
    )
    order = ordered(made, groups, loads, workers)
    full = (*order, tuple(s.number for s in made if s.worker == HOST))
    figures = bells(facts, workers)
    alone = resident(made)
    mine, all_ = reduced(alone, order), reduced(made, full)
    return Schedule(
        groups,
        mine,
        order,
        memory,
        steady(mine, order, figures, share_phases(mine, groups)),
        steady(all_, full, figures, share_phases(all_, groups)),
        host,
        figures,
        simulate(all_, full, figures, batches, share_phases(all_, groups)),
    )


def phases_of(cycles: Sequence[float], count: int) -> tuple[int, ...]:
    """For each stage, its phase: at most `count` groups of neighbours, the largest sum as small as can be."""
    lengths = runs(cycles, max(1, min(count, len(cycles))))
    return tuple(phase for phase, length in enumerate(n for n in lengths if n) for _ in range(length))


def share_phases(made: Sequence[Share], phases: Sequence[int]) -> tuple[int, ...]:
    """Of each share, its stage's phase; the host reads outputs in the period behind the last."""
    last = max(phases, default=0) + 1
    host = {HOST_OUT[1]: last}
    return tuple(phases[s.stage] if s.worker != HOST else host.get(s.step, 0) for s in made)


def ordered(made: Sequence[Share], phases: Sequence[int], cycles: Sequence[float], workers: int) -> Order:
    """Each worker's shares by how far its phase has come, the same for all workers; a phase's by stage and step.

    cycles : of each stage, by which the phases are laid beside one another.
    """
    totals, start = [0.0] * (max(phases, default=0) + 1), []
    for stage, phase in enumerate(phases):
        start.append(totals[phase])
        totals[phase] += cycles[stage]

    def place(share: Share) -> tuple[float, int, int, bool]:
        phase = phases[share.stage]
        part = start[share.stage] / totals[phase] if totals[phase] else 0.0
        return part, phase, share.stage, share.step == JOIN

    mine = sorted((s for s in made if s.worker != HOST), key=lambda s: (s.worker, place(s)))
    found = {w: tuple(s.number for s in group) for w, group in groupby(mine, key=lambda s: s.worker)}
    return tuple(found.get(worker, ()) for worker in range(workers))


def host_cycles(lowered: Lowered, layout: Callable[[int], Layout], facts: Facts) -> tuple[float, float]:
    """Core cycles in which the host's link carries the inputs of a batch, and its outputs.

    The rate is `facts.root_mbit_per_s`, one thing at a time. All inputs are taken to change with every batch.
    """
    graph = lowered.graph
    sides = [[n.id for n in graph.inputs], sorted({lowered.home(n) for n in graph.outputs})]
    inputs, outputs = (
        sum(layout(n).nbytes for n in side) * 8 / (facts.root_mbit_per_s * 1e6) * facts.clock_hz
        for side in sides
    )
    return inputs, outputs


def busiest(made: Sequence[Share], order: Sequence[Sequence[int]], figures: Bells) -> float:
    """The initiation interval when no worker ever waits for another: the busiest one's period. Else a lower bound.

    The longer of what it does (first transfers, doorbells, kernels, last transfers, one after the other) and of the
    distances between its rings.
    """
    heard, rung = doorbell_counts(made)
    most = 0.0
    for numbers in order:
        own = sum(
            made[n].lead + made[n].body + made[n].tail + figures.cost * (heard[n] + rung[n]) for n in numbers
        )
        most = max(most, own, figures.spacing * sum(rung[n] for n in numbers))
    return most


def barriers(made: Sequence[Share], figures: Bells) -> float:
    """The initiation interval when every share waits for all of the step before: a sum of the slowest of each step.

    In one phase, for doorbells that are never held back by `Bells.spacing`.
    """
    heard, rung = doorbell_counts(made)
    slowest: dict[tuple[int, bool], float] = {}
    for share in made:
        if share.worker != HOST:
            bell = figures.cost * (heard[share.number] + rung[share.number])
            step = share.stage, share.step == JOIN
            cycles = share.lead + bell + share.body + share.tail
            slowest[step] = max(slowest.get(step, 0.0), cycles)
    return sum(slowest.values())


def sdram_cycles(made: Sequence[Share], facts: Facts) -> float:
    """Cycles of a period in which the chip's SDRAM is busy: all bytes at its rate. No period can be shorter."""
    return sum(s.loaded + s.stored for s in made) / facts.sdram_bytes_per_cycle


def host_fed(interval: float, host: tuple[float, float]) -> float:
    """The initiation interval with the host's link: the longer of the resident one and of the link's."""
    return max(interval, sum(host))
