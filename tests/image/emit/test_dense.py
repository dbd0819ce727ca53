"""Products of bytes: tiles of one vector and of several on the compiled kernels give the host's results."""

from dataclasses import replace

import numpy as np
import pytest
from byte_graphs import Bytes, agrees
from planning import machine
from walking import EARLY, LATE, RANDOM

from spinntensor.image.rows import sites_of
from spinntensor.machine.geometry import chip
from spinntensor.plan.planner import plan
from spinntensor.plan.ways.dense import matmul


def flat(g, x):
    n, *rest = g.shape(x)
    return g.reshape(x, n, int(np.prod(rest)))


@pytest.mark.parametrize("form", ("uint8", "int8"))
@pytest.mark.parametrize(
    "shape, outputs, read",
    [
        ((1, 64), (40,), False),
        ((1, 61), (43, 10), True),
        ((5, 61), (43, 9), True),
        ((20, 128), (200, 10), False),
    ],
)
def test_layers(form, shape, outputs, read):
    g = Bytes(1, form)
    x = g.input(*shape)
    for n in outputs:
        x = g.dense(x, n)
    graph = g.graph(g.real(x) if read else x)
    agrees(graph, batch=shape[0], whens=(LATE, EARLY))
    agrees(graph, machine(np.random.default_rng(1), dead=14), shape[0], "latency", (RANDOM,))


@pytest.mark.parametrize("channels", (12, 16, 64))
@pytest.mark.parametrize("batch", (1, 3))
def test_images_as_vectors(channels, batch):
    g = Bytes(2, "uint8")
    x = g.conv(g.input(batch, 5, 4, 16), channels, 3)
    agrees(g.graph(g.real(g.dense(flat(g, x), 20))), batch=batch, whens=(LATE, RANDOM))
    g = Bytes(3, "int8")
    x = g.mean(g.conv(g.input(batch, 5, 4, 16), channels, 1), (5, 4), scaled=True)
    agrees(g.graph(g.dense(g.dense(flat(g, x), 30), 10)), batch=batch, whens=(LATE, RANDOM))


@pytest.mark.parametrize("k", (40, 61))
@pytest.mark.parametrize("read", (False, True))
def test_one_vector_at_a_time(k, read):
    """Its own kernel, wherever the planner would rather take several."""
    g = Bytes(4, "int8", symmetric=False)
    x = g.dense(g.input(3, k), 21)
    graph = g.graph(g.real(x) if read else x)
    made = plan(graph, chip(), batch=3)
    (site,) = sites_of(made, graph, chip()).sites
    one = matmul(site.setting, site.stage)[0]
    if any(size[0] != 1 for size, _ in made.layers[0].recipes):
        pytest.skip("tiles of several vectors")
    recipes = tuple((size, one.recipes(size, frozenset())[0]) for size, _ in made.layers[0].recipes)
    agrees(
        graph, made=replace(made, layers=(replace(made.layers[0], recipes=recipes),)), whens=(LATE, RANDOM)
    )


def test_weights_of_the_whole_range():
    g = Bytes(5, "uint8", symmetric=False)
    agrees(
        g.graph(g.dense(g.input(9, 300), 64)), machine(np.random.default_rng(2), dead=15), 9, whens=(RANDOM,)
    )
