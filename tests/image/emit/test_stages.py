"""Stages of training steps by themselves: each on the values that the host gives them, with its counts."""

from __future__ import annotations

import cutting
import numpy as np
import planning
import pytest
from image.emit.stages import walk_stages
from walking import EARLY, LATE, RANDOM

from spinntensor.machine.geometry import chip
from spinntensor.plan.planner import plan

KINDS = {"map", "reduce", "exponent", "move", "gather", "scatter"}


@pytest.mark.parametrize("form, seed, when", [("bfp16", 2, RANDOM), ("float32", 1, EARLY)])
def test_all_but_products_of_a_training_step(form, seed, when):
    graph = planning.small(seed, 2, form, train=True)
    rng = np.random.default_rng(seed)
    where = planning.machine(rng, 3 * seed) if seed > 1 else chip()
    made = plan(graph, where, batch=2, objective="latency" if seed == 2 else "throughput")
    names, _ = walk_stages(made, graph, where, cutting.values_of(graph, seed), KINDS, when)
    assert {name.rsplit("_", 1)[0] for name in names} == KINDS - (
        {"exponent"} if form == "float32" else set()
    )


@pytest.mark.parametrize("form, seed", [("int8", 2), ("bfp16", 2), ("float32", 1)])
def test_stages_of_a_stream_of_images(form, seed):
    """Images lie in arenas of their own where the same workers compute them all the way."""
    graph = planning.small(seed, 16, form)
    made = plan(graph, chip(), batch=16)
    names, counts = walk_stages(made, graph, chip(), cutting.values_of(graph, seed), KINDS, LATE)
    assert names and bool(counts) == (form != "float32")
