"""Tiles of float32 matrix products on the emulated core: the host's bits, and what their recipes say."""

from __future__ import annotations

import numpy as np
import pytest
from cutting import graph_of
from floats import agree
from planning import machine
from walking import EARLY, LATE


def product(a, b):
    return a @ b


SIZES = [
    (1, 8, 4),
    (5, 7, 3),
    (16, 33, 12),
    (20, 300, 17),
    (64, 128, 64),
    (3, 1030, 20),
    (9, 1, 6),
]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("objective", ["throughput", "latency"])
def test_products_have_the_bits_of_the_host(sizes, objective, rng):
    m, k, n = sizes
    values = [rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n))]
    agree(*graph_of(product, values), objective=objective)


@pytest.mark.parametrize("sizes", [(4, 8200, 5), (2, 16390, 1), (2, 9000, 4), (1, 24576, 2)], ids=str)
def test_long_sums_are_added_in_order(sizes, rng):
    m, k, n = sizes
    values = [rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n))]
    made = agree(*graph_of(product, values), objective="latency")
    assert made.layers[-1].cut.partial


@pytest.mark.parametrize("m, k", [(5, 7), (40, 300), (1, 64), (33, 1000)])
def test_products_with_a_vector(m, k, rng):
    values = [rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k,))]
    agree(*graph_of(product, values))


@pytest.mark.parametrize("shape", [(6, 7, 7, 1), (5, 4, 4, 2), (3, 5, 5, 8)], ids=str)
def test_flat_images(shape, rng):
    x = rng.standard_normal(shape).astype(np.float32)
    w = rng.standard_normal((x[0].size, 10)).astype(np.float32)
    agree(*graph_of(lambda x, w: x.reshape(len(x), -1) @ w, [x, w]))


def test_numbers_that_are_not_finite(rng):
    a, b = rng.standard_normal((20, 30)).astype(np.float32), rng.standard_normal((30, 12)).astype(np.float32)
    a[3, 4], a[7], b[:, 2], b[5, 9], a[11] = np.nan, 3e38, 2.0, -np.inf, 1e-42
    agree(*graph_of(product, [a, b]), counts=True)


@pytest.mark.parametrize("seed", range(8))
def test_products_drawn_at_random(seed):
    rng = np.random.default_rng(seed)
    m, k, n = (int(rng.integers(1, top)) for top in (80, 400, 60))
    values = [rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n))]
    agree(
        *graph_of(product, values),
        machine(rng, int(rng.integers(0, 15))),
        str(rng.choice(["latency", "throughput"])),
    )


@pytest.mark.parametrize("when", [LATE, EARLY])
def test_transfers_may_be_late_or_early(when, rng):
    for m, k, n in ((20, 100, 17), (2, 700, 6), (20, 60, 1), (1, 8200, 2)):
        values = [rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n))]
        agree(*graph_of(product, values), when=(when,))
