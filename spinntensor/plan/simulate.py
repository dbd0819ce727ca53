"""Discrete-event simulation of shares: when each worker loads, computes, stores and rings, period by period.

A worker does its shares in order, one after the other, since each lays out the DTCM anew. The first transfers of a
share start when all that it waits for is done and the last results of the share before have left; its kernels start
when they have arrived. A core spends `Bells.cost` on each doorbell that it waits for, before the kernels, and on the
one that it rings, behind them. How workers share the SDRAM is in the cycles of the shares already, all taken to use it
at once.

While the first batches fill the phases and the last ones leave them, a share without a batch does nothing but wait and
ring: waits that others imply were left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose

from spinntensor.plan.doorbells import Bells
from spinntensor.plan.needs import FETCH, HOST
from spinntensor.plan.plan import BODY, DOORBELLS, INPUT, LEAD, OUTPUT, TAIL, Span
from spinntensor.plan.share import Share
from spinntensor.plan.waits import rows, sequence

CYCLE = 4
"""Periods after which a steady state may repeat itself, at most."""
BATCHES = 64
"""Batches after which `steady` gives up waiting for a steady state."""


@dataclass(frozen=True)
class Run:
    """A simulated run; cycles.

    Parameters
    ----------
    spans : the time line, in the order of periods.
    interval : from one batch to the next at its end: the slowest share's, over the periods after which all repeats.
    settled : whether it does repeat; else the interval is that of the last two periods, and may change.
    begins, ends : of each batch, when its first share begins, the host's left out, and when its last is done.
    busy : of each row of `order`, cycles of kernels and doorbells in a period.
    """

    spans: tuple[Span, ...]
    interval: float
    settled: bool
    begins: tuple[float, ...]
    ends: tuple[float, ...]
    busy: tuple[float, ...]

    @property
    def latency(self) -> float:
        """Of the first batch, from its first transfer to its last."""
        return self.ends[0] - self.begins[0]

    @property
    def fill(self) -> float:
        """What the first batch takes longer than a period."""
        return max(0.0, self.ends[0] - self.begins[0] - self.interval)

    @property
    def drain(self) -> float:
        """What the last batch takes longer than a period, from its own begin."""
        return max(0.0, self.ends[-1] - self.begins[-1] - self.interval)

    @property
    def bubbles(self) -> tuple[float, ...]:
        """Of each row, cycles of a period in which its core waits."""
        return tuple(self.interval - busy for busy in self.busy)


class _Row:
    """Where a worker is in time."""

    def __init__(self) -> None:
        self.free = 0.0  # end of the last share's last transfer
        self.ring = float("-inf")  # of its last doorbell


def simulate(
    shares: Sequence[Share],
    order: Sequence[Sequence[int]],
    bells: Bells = Bells(),  # noqa: B008 - frozen
    batches: int = 4,
    phases: Sequence[int] = (),
    spans: bool = True,
) -> Run:
    """Run `batches` batches.

    Parameters
    ----------
    order : for each worker the numbers of its shares as it does them in a period; rows may have any order.
    phases : of each share, by number: in period t it works on batch t - phase, if there is one. 0 for all by default.
    spans : whether the time line is kept.

    OperandError when shares wait for one another in a circle.
    """
    phases = tuple(phases) or (0,) * len(shares)
    where, walk = rows(shares, order), sequence(shares, order)
    heard, rung = doorbell_counts(shares)
    state = [_Row() for _ in order]
    history: list[list[float]] = []
    begins, ends = [float("inf")] * batches, [0.0] * batches
    line: list[Span] = []
    for period in range(batches + max(phases, default=0)):
        done = [0.0] * len(shares)
        history.append(done)
        for number in walk:
            batch = period - phases[number]
            active = 0 <= batch < batches
            share, row = shares[number], state[where[number][0]]
            lead, body, tail = (share.lead, share.body, share.tail) if active else (0.0, 0.0, 0.0)
            ready = 0.0
            for wait in share.waits:
                if wait.periods <= period:
                    ready = max(ready, history[period - wait.periods][wait.share])
            load = max(ready, row.free)
            loaded = load + lead
            start = loaded + bells.cost * heard[number]
            end = start + body
            store = end + bells.cost * rung[number]
            done[number] = row.free = store + tail
            if rung[number]:
                done[number] = row.ring = max(row.free, row.ring + bells.spacing)
            if active and share.worker != HOST:
                begins[batch] = min(begins[batch], load)
                ends[batch] = max(ends[batch], done[number])
            if spans and active:
                marks = (load, loaded, start, end, store, row.free)
                line += _spans(share, period, marks)
    interval, settled = _interval(history, shares, phases, batches)
    busy = tuple(
        sum(shares[n].body + bells.cost * (heard[n] + rung[n]) for n in numbers) for numbers in order
    )
    return Run(tuple(line), interval, settled, tuple(begins), tuple(ends), busy)


def steady(
    shares: Sequence[Share],
    order: Sequence[Sequence[int]],
    bells: Bells = Bells(),  # noqa: B008 - frozen
    phases: Sequence[int] = (),
) -> Run:
    """The shortest run, of 4, 8, ... up to `BATCHES` batches, that reaches a steady state, without its time line."""
    batches = 4
    while True:
        run = simulate(shares, order, bells, batches, phases, spans=False)
        if run.settled or batches >= BATCHES:
            return run
        batches *= 2


def doorbell_counts(shares: Sequence[Share]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For each share, the doorbells that it waits for, and 1 where it rings: those across workers, the host's free."""
    heard, rung = [0] * len(shares), [0] * len(shares)
    for share in shares:
        sources = {w.share for w in share.waits if shares[w.share].worker != share.worker}
        heard[share.number] = len(sources) if share.worker != HOST else 0
        for number in sources:
            rung[number] = int(shares[number].worker != HOST)
    return tuple(heard), tuple(rung)


def _spans(share: Share, period: int, marks: tuple[float, ...]) -> list[Span]:
    """The spans of a share that are not empty."""
    load, loaded, start, end, store, stored = marks
    if share.worker == HOST:
        kind = INPUT if share.step == FETCH else OUTPUT
        return [Span(HOST, HOST, period, start, end, kind)] if end > start else []
    parts = (
        (load, loaded, LEAD),
        (loaded, start, DOORBELLS),
        (start, end, BODY),
        (end, store, DOORBELLS),
        (store, stored, TAIL),
    )
    return [Span(share.worker, share.number, period, a, b, kind) for a, b, kind in parts if b > a]


def _interval(
    history: Sequence[Sequence[float]], shares: Sequence[Share], phases: Sequence[int], batches: int
) -> tuple[float, bool]:
    """The initiation interval by the last periods in which all shares run, and whether they repeat themselves."""
    first, last = max(phases, default=0), batches - 1
    reach = max((w.periods for share in shares for w in share.waits), default=0)
    for cycle in range(1, CYCLE + 1):
        if last - reach - 1 - cycle < first:
            break
        steps = [_steps(history, last - back, cycle) for back in range(reach + 2)]
        if all(
            isclose(a, b, rel_tol=1e-9, abs_tol=1e-6)
            for s in steps[1:]
            for a, b in zip(steps[0], s, strict=True)
        ):
            return max(steps[0], default=0.0) / cycle, True
    if last > first:
        return max(_steps(history, last, 1), default=0.0), False
    return max(history[-1], default=0.0), False


def _steps(history: Sequence[Sequence[float]], period: int, cycle: int) -> list[float]:
    """For each share, the time from `cycle` periods ago to a period."""
    return [now - then for now, then in zip(history[period], history[period - cycle], strict=True)]
