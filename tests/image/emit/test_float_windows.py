"""Tiles of float32 windows on the emulated core: the host's bits, and what their recipes say."""

from __future__ import annotations

import numpy as np
import pytest
from floats import agree
from planning import machine
from walking import EARLY, LATE

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import TensorType
from spinntensor.ops import RULES

CASES = [
    # images, rows, columns, channels, window, stride, padding
    (2, 8, 8, 8, (2, 2), (2, 2), (0, 0, 0, 0)),
    (1, 9, 7, 3, (3, 3), (2, 2), (1, 1, 1, 1)),
    (1, 8, 8, 4, (4, 4), (1, 1), (0, 0, 0, 0)),
    (1, 12, 10, 2, (4, 2), (1, 1), (3, 2, 1, 0)),
    (2, 7, 7, 16, (7, 7), (1, 1), (0, 0, 0, 0)),
    (1, 6, 11, 1, (1, 1), (2, 3), (0, 0, 0, 0)),
    (1, 10, 9, 24, (3, 2), (1, 2), (0, 2, 1, 1)),
    (1, 5, 40, 64, (2, 2), (2, 2), (0, 1, 0, 0)),
]


def pooled(op, case):
    n, h, w, c, window, stride, padding = case
    b = Builder(RULES)
    x = b.input("x", TensorType((n, h, w, c), "float32"))
    return b.graph((b.add(op, x, window=window, stride=stride, padding=padding),)), x


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("op", ["sum_pool", "max_pool"])
def test_windows_have_the_bits_of_the_host(case, op, rng):
    graph, x = pooled(op, case)
    for objective in ("throughput", "latency"):
        agree(graph, {x: rng.standard_normal(case[:4]).astype(np.float32)}, objective=objective)


@pytest.mark.parametrize("op", ["sum_pool", "max_pool"])
def test_numbers_that_are_not_finite(op, rng):
    case = (1, 8, 8, 6, (3, 3), (2, 2), (1, 0, 1, 0))
    graph, x = pooled(op, case)
    values = rng.choice(
        np.array([0.0, -0.0, 1.0, -3e38, 3e38, np.inf, -np.inf, np.nan], np.float32), case[:4]
    )
    agree(graph, {x: values})


@pytest.mark.parametrize("seed", range(8))
def test_windows_drawn_at_random(seed):
    rng = np.random.default_rng(seed)
    window = tuple(int(n) for n in rng.integers(1, 6, 2))
    size = tuple(int(rng.integers(w, 16)) for w in window)
    padding = tuple(int(rng.integers(0, w)) for w in window for _ in range(2))
    stride = tuple(int(n) for n in rng.integers(1, 4, 2))
    case = (int(rng.integers(1, 3)), *size, int(rng.integers(1, 40)), window, stride, padding)
    graph, x = pooled(str(rng.choice(["sum_pool", "max_pool"])), case)
    where, objective = machine(rng, int(rng.integers(0, 16))), str(rng.choice(["latency", "throughput"]))
    agree(graph, {x: rng.standard_normal(case[:4]).astype(np.float32)}, where, objective)


@pytest.mark.parametrize("when", [LATE, EARLY])
def test_transfers_may_be_late_or_early(when, rng):
    for op in ("sum_pool", "max_pool"):
        for case in CASES[:3]:
            graph, x = pooled(op, case)
            agree(graph, {x: rng.standard_normal(case[:4]).astype(np.float32)}, when=(when,))
