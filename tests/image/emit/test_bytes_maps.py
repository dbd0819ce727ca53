"""Sums, requantisation and softmax of bytes by themselves: tiles on the compiled kernels give the host's bytes."""

import numpy as np
import pytest
from byte_graphs import Bytes, agrees
from planning import machine
from walking import EARLY, LATE, RANDOM

from spinntensor.errors import RangeError
from spinntensor.graph.graph import TensorType
from spinntensor.image.rows import sites_of
from spinntensor.machine.geometry import chip
from spinntensor.plan.planner import plan


@pytest.mark.parametrize("form", ("uint8", "int8"))
@pytest.mark.parametrize("shape", [(5, 37), (3, 4, 40), (100,), (2, 9, 8, 128), (1, 5, 7, 12), (3, 1, 1, 64)])
def test_sums(form, shape):
    g = Bytes(1, form)
    x, y = (g.b.input(name, TensorType(shape, form)) for name in "xy")
    graph = g.graph(g.add(x, y, True))
    agrees(graph, whens=(LATE, EARLY))
    agrees(graph, machine(np.random.default_rng(1), dead=15), objective="latency", whens=(RANDOM,))


@pytest.mark.parametrize("shape", [(2, 6, 5, 64), (1, 5, 7, 12)])
def test_sums_of_values_that_lie_otherwise(shape):
    g = Bytes(2, "uint8")
    x, y = (g.b.input(name, TensorType(shape, "uint8")) for name in "xy")
    agrees(g.graph(g.conv(g.add(x, y), 16, 1)), batch=shape[0], whens=(LATE, RANDOM))


def requantized(shape, form, bias):
    g = Bytes(3, form)
    x = g.b.input("x", TensorType(shape, "int32"))
    given = (np.full(shape[-1], bias), g.rng.integers(1, 20, shape[-1]), np.zeros(shape[-1], int))
    ends = {"zero": 3, "low": g.low, "high": g.high, "relu": False}
    axis = len(shape) - 1
    return g, g.b.add("requantize", x, *map(g.constant, given), format=form, axis=axis, **ends)


@pytest.mark.parametrize("form", ("uint8", "int8"))
@pytest.mark.parametrize("shape", [(3, 5, 7, 20), (40, 24), (2, 3, 5, 128), (2, 3, 5, 7, 8)])
def test_requantisation(form, shape):
    g, y = requantized(shape, form, 0)
    agrees(g.graph(g.conv(y, 16, 1) if len(shape) == 4 else y), batch=shape[0], whens=(LATE, RANDOM))


def test_requantisation_of_sums_that_may_be_anything():
    g, y = requantized((4, 8), "int8", 1)
    graph = g.graph(y)
    made = plan(graph, chip())
    with pytest.raises(RangeError, match="sum fewer products"):
        tuple(sites_of(made, graph, chip()).tiles(made.shares[0]))


@pytest.mark.parametrize("shape", [(1, 10), (7, 1000), (3, 4, 16), (2, 5, 5, 24), (100, 33)])
def test_softmax(shape):
    g = Bytes(4, "int8")
    graph = g.graph(g.b.add("softmax_q", g.input(*shape), scale=0.07))
    agrees(graph, whens=(LATE, EARLY))
    agrees(graph, machine(np.random.default_rng(1), dead=15), objective="latency", whens=(RANDOM,))


def test_softmax_behind_products():
    g = Bytes(5, "int8")
    agrees(g.graph(g.b.add("softmax_q", g.dense(g.input(3, 64), 10), scale=0.07)), batch=3, whens=(LATE,))
    g = Bytes(6, "int8")
    y = g.conv(g.input(1, 6, 6, 64), 128, 1)
    agrees(g.graph(g.b.add("softmax_q", y, scale=0.07)), whens=(RANDOM,))
