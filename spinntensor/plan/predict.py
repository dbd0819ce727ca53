"""What a plan says of a run of some batches: fewer than fill the pipeline take less than its steady state does."""

from __future__ import annotations

from spinntensor.machine.facts import Facts
from spinntensor.plan.doorbells import bells
from spinntensor.plan.plan import Plan
from spinntensor.plan.simulate import simulate

SIMULATED = 8
"""Batches that are simulated at most; each further one takes the initiation interval."""


def run_cycles(plan: Plan, facts: Facts, batches: int) -> float:
    """Model cycles of a run of so many batches, from its first transfer to its last, filling and draining included."""
    phases = {layer.stage: layer.phase for layer in plan.layers}
    some = min(batches, SIMULATED)
    of_shares = tuple(phases[share.stage] for share in plan.shares)
    run = simulate(plan.shares, plan.order, bells(facts, len(plan.workers)), some, of_shares, spans=False)
    return run.ends[-1] - run.begins[0] + (batches - some) * plan.totals.period_cycles
