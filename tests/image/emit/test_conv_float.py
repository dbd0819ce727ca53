"""Tiles of float32 convolutions on the emulated core: the host's bits, and what their recipes say."""

from __future__ import annotations

import numpy as np
import pytest
from cutting import graph_of
from floats import agree
from planning import machine
from walking import EARLY, LATE

import spinntensor as sp
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import TensorType
from spinntensor.ops import RULES

FORWARD = [
    # images, rows, columns, channels, outputs, kernel, stride, padding
    (1, 6, 6, 4, 6, (3, 3), (1, 1), (1, 1)),
    (2, 9, 7, 3, 5, (3, 3), (1, 1), (1, 1)),
    (1, 11, 9, 8, 12, (5, 3), (2, 2), (2, 1)),
    (3, 8, 8, 6, 4, (1, 1), (1, 1), (0, 0)),
    (1, 7, 9, 1, 8, (3, 3), (2, 1), (1, 1)),
    (2, 6, 5, 16, 16, (3, 3), (1, 2), (0, 1)),
    (1, 5, 5, 64, 32, (3, 3), (1, 1), (1, 1)),
    (2, 6, 6, 64, 64, (3, 3), (1, 1), (1, 1)),
    (1, 4, 4, 2, 7, (4, 4), (1, 1), (3, 3)),
]


def convolutions(case, op):
    """One of the adjoints: its graph, and the shapes of its inputs by their ids."""
    n, h, w, c, o, kernel, stride, padding = case
    out = [
        (size + sum(padding[2 * i : 2 * i + 2]) - k) // s + 1
        for i, (size, k, s) in enumerate(zip((h, w), kernel, stride, strict=True))
    ]
    b = Builder(RULES)
    window = {"stride": stride, "padding": padding, "dilation": (1, 1), "groups": 1}
    shapes = {"x": (n, h, w, c), "w": (*kernel, c, o), "g": (n, *out, o)}
    names, more = {
        "conv2d_input": ("gw", {"size": (h, w)}),
        "conv2d_weight": ("xg", {"kernel": kernel}),
    }[op]
    inputs = {b.input(name, TensorType(shapes[name], "float32")): shapes[name] for name in names}
    return b.graph((b.add(op, *inputs, **window, **more),)), inputs


def drawn(rng, shapes):
    return {i: rng.standard_normal(shape).astype(np.float32) for i, shape in shapes.items()}


def convolution(stride, padding):
    top, left = padding
    return lambda x, w: sp.conv2d(x, w, stride=stride, padding=((top, top), (left, left)))


@pytest.mark.parametrize("case", FORWARD, ids=str)
@pytest.mark.parametrize("objective", ["throughput", "latency"])
def test_convolutions_have_the_bits_of_the_host(case, objective, rng):
    n, h, w, c, o, kernel, stride, padding = case
    values = [rng.standard_normal(s).astype(np.float32) for s in ((n, h, w, c), (*kernel, c, o))]
    made = agree(*graph_of(convolution(stride, padding), values), objective=objective)
    if c * o > 2048:
        assert dict(made.layers[-1].recipe.detail)["chunk"] < kernel[1] * c


def test_numbers_that_are_not_finite(rng):
    x, w = (
        rng.standard_normal((2, 6, 6, 4)).astype(np.float32),
        rng.standard_normal((3, 3, 4, 6)).astype(np.float32),
    )
    x[0, 2, 3, 1], x[1, 5, 5], w[1, 1, 2, 3], w[..., 5] = np.nan, 3e38, -np.inf, 1e-42
    agree(*graph_of(convolution((1, 1), (1, 1)), [x, w]), counts=True)


@pytest.mark.parametrize("seed", range(8))
def test_convolutions_drawn_at_random(seed):
    rng = np.random.default_rng(seed)
    kernel = tuple(int(n) for n in rng.integers(1, 5, 2))
    padding = tuple(int(rng.integers(0, k)) for k in kernel)
    size = tuple(int(rng.integers(k, 14)) for k in kernel)
    channels, outputs = int(rng.integers(1, 24)), int(rng.integers(1, 24))
    shapes = (int(rng.integers(1, 3)), *size, channels), (*kernel, channels, outputs)
    function = convolution(tuple(int(n) for n in rng.integers(1, 3, 2)), padding)
    where, objective = machine(rng, int(rng.integers(0, 16))), str(rng.choice(["latency", "throughput"]))
    agree(*graph_of(function, [rng.standard_normal(s).astype(np.float32) for s in shapes]), where, objective)


ADJOINTS = [
    # images, rows, columns, channels, outputs, kernel, stride, padding
    (1, 6, 6, 4, 6, (3, 3), (1, 1), (1, 1, 1, 1)),
    (2, 9, 7, 3, 5, (3, 3), (1, 1), (1, 1, 1, 1)),
    (1, 11, 9, 8, 12, (5, 3), (2, 2), (2, 2, 1, 1)),
    (3, 8, 8, 6, 4, (1, 1), (1, 1), (0, 0, 0, 0)),
    (2, 8, 8, 8, 16, (3, 3), (2, 2), (0, 1, 0, 1)),
    (2, 6, 6, 16, 8, (1, 1), (2, 2), (0, 0, 0, 0)),
    (1, 4, 7, 2, 7, (4, 2), (1, 3), (3, 0, 0, 1)),
]


@pytest.mark.parametrize("case", ADJOINTS, ids=str)
@pytest.mark.parametrize("op", ["conv2d_input", "conv2d_weight"])
def test_adjoints_have_the_bits_of_the_host(op, case, rng):
    graph, shapes = convolutions(case, op)
    agree(graph, drawn(rng, shapes), objective="latency")


def test_long_sums_of_an_adjoint_are_added_in_order(rng):
    graph, shapes = convolutions((34, 16, 16, 2, 3, (1, 1), (1, 1), (0, 0, 0, 0)), "conv2d_weight")
    made = agree(graph, drawn(rng, shapes))
    assert made.layers[-1].cut.partial


@pytest.mark.parametrize("when", [LATE, EARLY])
def test_transfers_may_be_late_or_early(when, rng):
    for op, case in (("conv2d_input", ADJOINTS[4]), ("conv2d_weight", ADJOINTS[2])):
        graph, shapes = convolutions(case, op)
        agree(graph, drawn(rng, shapes), when=(when,))
    values = [rng.standard_normal(s).astype(np.float32) for s in ((2, 9, 8, 4), (3, 3, 4, 6))]
    agree(*graph_of(convolution((2, 2), (1, 1)), values), when=(when,))
