"""What tiles cost a worker: kernels, tile engine and DMA, and how the three overlap in a row of tiles.

A worker walks its tiles in order. While one computes, the operands of the next arrive and the results of the one before
leave, so a steady row of equal tiles takes the larger of the two times for each. All workers of a chip are taken to use
the SDRAM at once, which is the least a worker gets: results can only be earlier.

Terms: kernels (estimators of `spinntensor.kernels`), engine (commands of the tile engine, `plan.engine`), DMA (`facts`:
set-up of a transfer, time of a word, rate of the SDRAM over the workers), doorbells (`plan.schedule`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from spinntensor.machine.facts import Facts
from spinntensor.plan.engine import engine_cycles
from spinntensor.plan.recipe import STREAMS, Recipe, Transfer
from spinntensor.plan.work import Work

WORD = 4
"""Bytes of a word."""


@dataclass(frozen=True)
class Rates:
    """Cycles of a worker's DMA: for each transfer, and for each byte while all workers use the SDRAM."""

    setup: float
    byte: float

    def cycles(self, transfers: Iterable[Transfer]) -> float:
        """Cycles that the transfers take one after the other."""
        return sum(self.setup * t.pieces + self.byte * t.nbytes for t in transfers)


@lru_cache(64)
def rates(facts: Facts, workers: int) -> Rates:
    """What each of `workers` on one chip gets: its own controller's rate, or its share of the SDRAM's."""
    shared = workers * facts.clock_hz / (facts.sdram_mb_per_s * 1e6)
    return Rates(facts.dma_setup_cycles, max(facts.dma_word_cycles / WORD, shared))


@dataclass(frozen=True)
class TileCost:
    """Cycles of one tile.

    kernels, engine : of its calls, and of the tile engine's commands for it.
    loads : of each operand's transfers before it can compute, by name; an operand that the worker still holds is not
        loaded. Of an operand that arrives in parts (`recipe.STREAMS`) it is the first part.
    parts : of the other parts, which arrive while it computes, and of results that leave meanwhile.
    store : of its results behind, or of their last part.
    loaded, stored : bytes, the loads by operand, all parts included.
    """

    kernels: float
    engine: float
    loads: tuple[tuple[str, float], ...]
    parts: float
    store: float
    loaded: tuple[tuple[str, int], ...]
    stored: int

    @property
    def compute(self) -> float:
        """Cycles in which the core is busy."""
        return self.kernels + self.engine

    @property
    def load(self) -> float:
        """Cycles of all loads before it can compute."""
        return sum(cycles for _, cycles in self.loads)

    def steady(self, load: float) -> float:
        """Cycles from tile to tile in a long row of equal ones, each of which waits for `load` cycles of loads."""
        return max(self.compute, load + self.parts + self.store)


@lru_cache(1 << 16)
def tile_cost(recipe: Recipe, facts: Facts, workers: int) -> TileCost:
    """Cycles of a tile of this recipe."""
    rate = rates(facts, workers)
    moves = sum(t.pieces for t in (*recipe.loads, *recipe.stores))
    waits = max((t.parts for t in (*recipe.loads, *recipe.stores)), default=1)
    return TileCost(
        sum(call.cycles for call in recipe.calls),
        engine_cycles(moves, waits, sum(call.count for call in recipe.calls), facts),
        tuple((t.operand, rate.cycles([t]) / _parts(t)) for t in recipe.loads),
        sum(rate.cycles([t]) * (1 - 1 / _parts(t)) for t in (*recipe.loads, *recipe.stores)),
        sum(rate.cycles([t]) / _parts(t) for t in recipe.stores),
        tuple((t.operand, t.nbytes) for t in recipe.loads),
        sum(t.nbytes for t in recipe.stores),
    )


def _parts(transfer: Transfer) -> int:
    """Parts in which an operand arrives, or a result leaves."""
    return transfer.pieces if transfer.operand in STREAMS else transfer.parts


@dataclass(frozen=True)
class Run:
    """`count` tiles of one recipe in a row, each of which must load the operands in `fresh`."""

    recipe: Recipe
    fresh: frozenset[str]
    count: int = 1


def row(runs: Sequence[Run], facts: Facts, workers: int) -> Work:
    """A worker's tiles one after the other.

    The controller does one thing at a time, in the order in which it is told: when a tile starts to compute, the other
    parts of its own operands, then the loads of the next; the results of a tile when it is done. In a run of equal
    tiles the times between these events soon repeat; what is left of the run then takes its number of steady steps.
    """
    if not runs:
        return Work(0.0, 0.0, 0.0, 0.0, 0, 0)
    costs = [tile_cost(run.recipe, facts, workers) for run in runs]
    loads = [
        sum(cycles for name, cycles in cost.loads if name in run.fresh)
        for cost, run in zip(costs, runs, strict=True)
    ]
    last = len(runs) - 1
    now = dma = ready = loads[0]
    for i, (run, cost) in enumerate(zip(runs, costs, strict=True)):
        left, seen = run.count, (-1.0, -1.0)
        while left:
            state = (dma - now, ready - now)
            if left > 2 and _near(state, seen):
                step = cost.steady(loads[i])
                now, dma, ready = (t + (left - 2) * step for t in (now, dma, ready))
                left = 2
            seen = state
            now = max(now, ready)
            dma = max(dma, now) + cost.parts
            end = max(now + cost.compute, dma)
            if left > 1 or i < last:
                dma += loads[i] if left > 1 else loads[i + 1]
                ready = dma
            now = end
            dma = max(dma, now) + cost.store
            left -= 1
    return Work(
        loads[0],
        now - loads[0],
        dma - now,
        sum(run.count * cost.compute for run, cost in zip(runs, costs, strict=True)),
        sum(
            run.count * nbytes
            for run, cost in zip(runs, costs, strict=True)
            for name, nbytes in cost.loaded
            if name in run.fresh
        ),
        sum(run.count * cost.stored for run, cost in zip(runs, costs, strict=True)),
    )


def _near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two states of a row differ by less than a thousandth of a cycle."""
    return abs(one[0] - other[0]) < 1e-3 and abs(one[1] - other[1]) < 1e-3
