"""Pooling of bytes: tiles on the compiled kernels give the host's bytes."""

import numpy as np
import pytest
from byte_graphs import Bytes, agrees
from planning import machine
from walking import EARLY, LATE, RANDOM

NONE, ALL = (0, 0, 0, 0), (1, 1, 1, 1)


def pooled(form, shape, *steps):
    """The graph of windows one behind the other, each a method of `Bytes` with its arguments."""
    g = Bytes(1, form)
    x = g.conv(g.input(*shape), shape[-1], 1)
    for name, arguments, more in steps:
        x = getattr(g, name)(x, *arguments, **more)
    return g.graph(x)


@pytest.mark.parametrize("form", ("uint8", "int8"))
@pytest.mark.parametrize(
    "shape, steps",
    [
        ((2, 9, 11, 16), [("pool", (2,), {})]),
        ((1, 13, 13, 64), [("pool", (3, 2, ALL), {}), ("pool", (3, 1, ALL), {})]),
        ((1, 12, 12, 128), [("pool", (3, 2, (0, 1, 0, 1)), {}), ("conv", (64,), {})]),
        ((1, 7, 9, 24), [("pool", ((2, 3), (2, 1), (0, 0, 1, 1)), {})]),
        ((1, 8, 8, 32), [("mean", (2,), {}), ("mean", (3, 1, ALL), {})]),
        ((1, 9, 8, 32), [("mean", (3, 2, (1, 0, 1, 1)), {"count_border": False})]),
        ((1, 8, 8, 32), [("mean", (2,), {"scaled": True}), ("mean", (2, 1, (1, 1, 0, 1)), {"scaled": True})]),
        ((3, 7, 7, 128), [("mean", ((7, 7),), {"scaled": True})]),
        ((3, 4, 2, 12), [("mean", ((4, 2),), {"scaled": True})]),
        ((1, 7, 5, 128), [("mean", ((7, 5),), {}), ("conv", (24, 1), {})]),
        ((2, 9, 7, 5), [("pool", (2, 1), {}), ("mean", ((8, 6),), {})]),
        ((1, 9, 7, 16), [("pool", (2,), {}), ("real", (), {})]),
        ((1, 9, 7, 12), [("mean", (2,), {}), ("real", (), {})]),
        ((1, 9, 7, 128), [("mean", ((9, 7),), {}), ("real", (), {})]),
    ],
)
def test_windows(form, shape, steps):
    graph = pooled(form, shape, *steps)
    agrees(graph, batch=shape[0], whens=(LATE, EARLY))
    where = machine(np.random.default_rng(1), dead=14)
    agrees(graph, where, shape[0], "latency", (RANDOM,))


@pytest.mark.parametrize("shape", [(1, 9, 8, 128), (2, 7, 6, 12)])
@pytest.mark.parametrize("head", (False, True))
def test_another_branch(shape, head):
    g = Bytes(2, "int8")
    x = g.input(*shape)
    a, b = (g.pool(g.conv(x, shape[-1], 1), 2, 1) for _ in range(2))
    y = g.add(a, b)
    agrees(g.graph(g.conv(y, 16, 1) if head else y), batch=shape[0], whens=(LATE, RANDOM))
