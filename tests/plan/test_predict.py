"""What a plan says of runs: one batch takes its latency where it is alone, many take the initiation interval each."""

from itertools import pairwise

import pytest
from planning import small

from spinntensor.machine.geometry import chip
from spinntensor.plan.planner import plan
from spinntensor.plan.predict import SIMULATED, run_cycles


@pytest.mark.parametrize("objective", ["latency", "throughput"])
@pytest.mark.parametrize("seed", range(4))
def test_batches_fill_the_pipeline_and_then_take_an_interval_each(seed, objective):
    machine = chip()
    made = plan(small(seed, 2), machine, objective=objective, batch=2)
    clock, period = machine.facts.clock_hz, made.totals.period_cycles
    cycles = [run_cycles(made, machine.facts, n) for n in range(1, SIMULATED + 4)]
    assert all(a < b for a, b in pairwise(cycles))
    assert cycles[0] <= made.totals.latency_ms / 1e3 * clock * (1 + 1e-9)
    assert cycles[-1] - cycles[-2] == pytest.approx(period)
    if objective == "latency":
        assert cycles[0] == pytest.approx(made.totals.latency_ms / 1e3 * clock, rel=0.02)
