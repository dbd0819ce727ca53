"""Runs for the tests of reports: made up from made-up plans, as if every share had taken a little longer or shorter.

Workers do their shares in order, each after those that it waits for; what a share takes is the plan's figure times a
factor of its layer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from plan.made import CLOCK, made

from spinntensor.machine.record import CoreRecord, LayerRecord, Record, Taken, layer_records, to_json
from spinntensor.plan.needs import HOST
from spinntensor.plan.plan import Plan

BETWEEN = 400
"""Cycles from the end of a share to the start of the next."""


def made_record(
    seed: int = 1, blocks: int = 2, workers: int = 4, batches: int = 3, counted: bool = True
) -> Record:
    """A record, the same for equal arguments; layers 1, 2 and 4 are off."""
    plan = made(seed, blocks, workers)
    rng = np.random.default_rng(seed)
    factors = {layer.stage: 0.97 + 0.06 * rng.random() for layer in plan.layers} | {1: 1.5, 2: 0.7, 4: 1.25}
    taken = _taken(plan, factors, batches)
    multiplies = {layer.stage: layer.macs // 2 for layer in plan.layers}
    layers = tuple(_off(one, factors[i]) for i, one in enumerate(_layers(plan, taken, multiplies, counted)))
    cycles = max(one.end for one in taken)
    cores = tuple(_core(worker, taken, cycles) for worker in range(workers))
    predicted = plan.totals.fill_cycles + (batches - 1) * plan.totals.period_cycles
    return Record(plan, batches, cycles, predicted, layers, cores, taken, 0.0123, 4.5)


def made_json(**options: Any) -> dict[str, Any]:
    """The record of a run as `spinntensor run --json` writes it."""
    return {"model": "made", "output_sha256": "0", "runs": [to_json(made_record(**options), CLOCK)]}


def _layers(
    plan: Plan, taken: tuple[Taken, ...], multiplies: dict[int, int], counted: bool
) -> tuple[LayerRecord, ...]:
    return layer_records(plan, taken, multiplies if counted else None)


def _off(layer: LayerRecord, factor: float) -> LayerRecord:
    """Just as far from its prediction as the factor says."""
    return replace(layer, cycles=layer.predicted_cycles * factor)


def _taken(plan: Plan, factors: dict[int, float], batches: int) -> tuple[Taken, ...]:
    ends: dict[tuple[int, int], int] = {}
    free = dict.fromkeys(range(len(plan.workers)), 0)
    found = []
    for period in range(batches):
        for share in plan.shares:
            if share.worker == HOST:
                continue
            before = [ends.get((wait.share, period - wait.periods), 0) for wait in share.waits]
            start = free[share.worker] + (BETWEEN if free[share.worker] else 0)
            ready = max([start, *before])
            body = round((share.lead + share.body + share.tail) * factors[share.stage])
            calls, moves = 3 * share.tiles, 2 * share.tiles
            one = Taken(
                share.worker, share.number, period, start, ready, ready + body, body // 5, calls, moves
            )
            found.append(one)
            free[share.worker] = ends[share.number, period] = one.end
    return tuple(found)


def _core(worker: int, taken: tuple[Taken, ...], cycles: int) -> CoreRecord:
    mine = [one for one in taken if one.worker == worker]
    busy = sum(one.end - one.ready - one.dma for one in mine)
    heard, sent = 7 * len(mine), len(mine)
    return CoreRecord(
        worker + 1,
        busy,
        cycles - busy,
        busy // 2,
        busy // 5,
        sent,
        heard,
        heard + 40,
        1000 * sent,
        90 + worker,
    )
