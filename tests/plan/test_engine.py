"""The tile engine's own cycles: the committed weights against programs that were not fitted."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spinntensor.machine.facts import facts
from spinntensor.plan.engine import engine_cycles, weights

pytest.importorskip("unicorn")

BENCH = Path(__file__).parents[2] / "bench" / "engine.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_engine", BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("peripheral", (3, 5, 10))
def test_commands_take_the_cycles_said(bench, peripheral):
    rng = np.random.default_rng(77)
    issued, accesses = weights()["program"]
    for _ in range(4):
        row = bench.program(rng)
        _, moves, waits, calls = bench.counts(row)
        said = engine_cycles(moves, waits, calls, replace(facts(), peripheral_cycles=peripheral))
        said += issued + peripheral * accesses
        assert bench.own(row, peripheral) == pytest.approx(said, rel=0.04)


def test_accesses_cost_more_where_they_take_longer():
    near, far = (engine_cycles(5, 1, 9, facts().with_(peripheral_cycles=n)) for n in (3, 10))
    assert near < engine_cycles(5, 1, 9, facts()) < far
