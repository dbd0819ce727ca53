"""Depthwise convolutions of bytes: tiles on the compiled kernels give the host's bytes."""

import numpy as np
import pytest
from byte_graphs import Bytes, agrees
from planning import machine
from walking import EARLY, LATE, RANDOM


def depthwise(g, x, stride=1, **more):
    channels = g.shape(x)[-1]
    return g.conv(x, channels, 3, stride, groups=channels, **more)


@pytest.mark.parametrize("form", ("uint8", "int8"))
@pytest.mark.parametrize(
    "shape, channels, steps",
    [
        ((2, 9, 8, 16), 64, [{}]),
        ((1, 14, 14, 128), 128, [{"stride": 2}]),
        ((1, 9, 7, 12), 20, [{}, {"stride": 2}]),
        (
            (1, 9, 7, 16),
            32,
            [{"relu": True}, {"stride": 2, "padding": (0, 0, 0, 0)}, {"padding": (1, 1, 0, 1)}],
        ),
    ],
)
@pytest.mark.parametrize("end", ("bytes", "float32", "product"))
def test_planes(form, shape, channels, steps, end):
    g = Bytes(1, form)
    x = g.conv(g.input(*shape), channels, 1)
    for step in steps:
        x = depthwise(g, x, **step)
    x = {"bytes": lambda: x, "float32": lambda: g.real(x), "product": lambda: g.conv(x, 24, 1)}[end]()
    where = machine(np.random.default_rng(1), dead=12)
    agrees(g.graph(x), where, shape[0], whens=(LATE, RANDOM))


def test_another_branch():
    g = Bytes(2, "uint8")
    x = g.conv(g.input(1, 9, 8, 64), 64, 1)
    y = g.add(depthwise(g, x), x, True)
    agrees(g.graph(g.conv(y, 16, 1)), whens=(LATE, EARLY))


def test_input_that_the_host_gives():
    g = Bytes(3, "int8")
    agrees(g.graph(depthwise(g, g.input(1, 9, 8, 12))), objective="latency", whens=(LATE, RANDOM))
