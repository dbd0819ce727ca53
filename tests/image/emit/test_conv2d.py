"""Convolutions of bytes: tiles of all recipes on the compiled kernels give the host's bytes."""

from dataclasses import replace

import numpy as np
import pytest
from byte_graphs import Bytes, agrees, honest
from planning import machine, small
from walking import EARLY, LATE, RANDOM

from spinntensor import nn
from spinntensor.errors import RangeError
from spinntensor.image.overlap import overlapped
from spinntensor.image.rows import sites_of
from spinntensor.machine.geometry import chip
from spinntensor.nn.workload import inference
from spinntensor.plan.planner import plan
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.parts import OPERANDS_AT, ROOM
from spinntensor.plan.recipes.search import alike, every
from spinntensor.plan.ways.convolution import described

TIGHT = 12000
"""Bytes of a DTCM in which weights have to arrive in parts."""


def convolution(form, shape, channels, kernel, stride=1, residual=False, symmetric=True, **more):
    """A convolution between values that lie as activations do."""
    g = Bytes(1, form, symmetric)
    x = g.start(*shape)
    y = g.conv(x, channels, kernel, stride, **more)
    if residual:
        y = g.add(y, g.pool(x, 1))
    return g.graph(g.pool(y, 1))


def variants(graph, where):
    """The plan of a graph with each recipe that its convolution can have."""
    made = plan(graph, where)
    sites = sites_of(made, graph, where).sites
    (at,) = (i for i, layer in enumerate(made.layers) if layer.kind == "conv2d")
    layer, found = made.layers[at], described(sites[at].setting, sites[at].stage)
    use = Use(found.signed, residual=found.residual, late=True, loose=found.loose, packed=found.packed)
    sizes = [s for s, _ in layer.recipes]
    largest = max(sizes, key=lambda s: (np.prod(s), s))
    for room in (ROOM, TIGHT):
        for recipe in every(found.box(*largest[1:]), room, use):
            recipes = tuple((s, alike(found.box(*s[1:]), ROOM, use, recipe)) for s in sizes)
            layers = list(made.layers)
            layers[at] = replace(layer, recipe=recipe, recipes=recipes)
            yield recipe, replace(made, layers=tuple(layers))


@pytest.mark.parametrize(
    "form, shape, channels, kernel, stride, more, ways",
    [
        ("uint8", (1, 4, 6, 128), 16, 3, 1, {}, 4),
        ("int8", (1, 6, 7, 16), 16, 3, 1, {"residual": True}, 4),
        ("int8", (1, 5, 8, 128), 128, 1, 1, {"residual": True}, 1),
        ("uint8", (1, 9, 7, 128), 64, 1, 2, {}, 2),
        ("int8", (1, 9, 11, 24), 24, 5, 2, {}, 1),
        ("uint8", (1, 9, 7, 12), 20, 3, 2, {}, 1),
        ("int8", (1, 9, 7, 3), 16, 3, 2, {"symmetric": False}, 1),
    ],
)
def test_every_recipe(form, shape, channels, kernel, stride, more, ways):
    graph = convolution(form, shape, channels, kernel, stride, **more)
    where = machine(np.random.default_rng(0), dead=14)
    kinds = set()
    for recipe, made in variants(graph, where):
        agrees(graph, where, made=made, whens=(RANDOM,))
        kinds.add(recipe.kernel)
    assert len(kinds) >= ways


@pytest.mark.parametrize("form", ("uint8", "int8"))
@pytest.mark.parametrize(
    "shape, channels, kernel, stride, more",
    [
        ((1, 8, 8, 8), 8, 1, 1, {"relu": True}),
        ((2, 9, 7, 16), 24, 3, 1, {"odd": False}),
        ((1, 12, 12, 64), 64, 3, 1, {"relu": True}),
        ((1, 13, 14, 64), 64, 1, 2, {}),
        ((1, 8, 8, 16), 16, 3, 2, {"padding": (0, 1, 0, 1)}),
        ((1, 9, 8, 16), 16, 3, 1, {"padding": (0, 0, 0, 0)}),
        ((3, 5, 7, 5), 6, 3, 1, {"padding": (1, 0, 0, 2)}),
        ((1, 9, 8, 16), 16, (3, 1), (1, 2), {}),
    ],
)
def test_values_that_the_host_sees(form, shape, channels, kernel, stride, more):
    g = Bytes(2, form)
    x = g.conv(g.input(*shape), channels, kernel, stride, **more)
    agrees(g.graph(g.conv(x, channels, 1)), batch=shape[0], whens=(LATE, EARLY))


@pytest.mark.parametrize("shape, kernel", [((4, 8, 3), 1), ((4, 2, 1), 1), ((9, 10, 3), 3)])
def test_columns_behind_the_last_tap(shape, kernel):
    """Of pixels that are no whole double words they are fetched too: rows of theirs arrive together."""
    x = nn.Input(shape)
    y = nn.Flatten()(nn.Conv2D(8, kernel, strides=2)(x))
    agrees(inference(nn.Model(x, nn.Dense(5)(y), seed=1), "int8", 3).graph, batch=3, whens=(LATE, RANDOM))


@pytest.mark.parametrize("mine", (0, 1))
@pytest.mark.parametrize("head", (False, True))
@pytest.mark.parametrize("shape, kernel", [((1, 7, 7, 128), 3), ((2, 6, 8, 64), 1), ((1, 7, 5, 12), 3)])
def test_another_branch(shape, kernel, head, mine):
    g = Bytes(3, "uint8")
    x = g.conv(g.input(*shape), shape[-1], 1)
    y = g.conv(x, shape[-1], kernel)
    y = g.add(y, x, True) if mine == 0 else g.add(x, y)
    agrees(g.graph(g.conv(y, 16, 1) if head else y), batch=shape[0], whens=(LATE,))


@pytest.mark.parametrize("channels", (21, 24, 32))
def test_results_that_leave_as_float32(channels):
    g = Bytes(4, "int8")
    agrees(g.graph(g.real(g.conv(g.start(2, 9, 7, 32), channels, 3))), batch=2, whens=(LATE, RANDOM))


def test_another_branch_that_the_host_gives():
    g = Bytes(5, "uint8")
    x = g.input(1, 9, 8, 128)
    y = g.conv(g.pool(x, 1), 128, 3)
    agrees(g.graph(g.conv(g.add(y, x), 16, 1)), whens=(LATE,))


@pytest.mark.parametrize("seed", (0, 1, 2, 3, 7, 8, 9))
def test_random_networks(seed):
    batch = 1 + seed % 3
    where = machine(np.random.default_rng(seed), dead=(0, 12, 15)[seed % 3])
    objective = ("throughput", "latency")[seed % 2]
    agrees(small(seed, batch), where, batch, objective, (LATE, RANDOM))


@pytest.mark.parametrize("name, batch", [("lenet5", 2), ("resnet8", 1)])
def test_networks(name, batch):
    agrees(inference(nn.models.build(name), "int8", batch).graph, batch=batch, whens=(RANDOM,))


@pytest.mark.parametrize(
    "shape, channels, kernel, stride",
    [((1, 56, 56, 64), 64, 3, 1), ((1, 14, 14, 1024), 256, 1, 1), ((1, 112, 112, 3), 64, 7, 2)],
)
def test_layers_at_their_size(shape, channels, kernel, stride):
    agrees(convolution("uint8", shape, channels, kernel, stride), objective="latency", whens=(RANDOM,))


def test_sums_that_32_bits_cannot_hold():
    g = Bytes(6, "uint8")
    x = g.input(1, 4, 4, 64)
    acc = g.b.add(
        "conv2d", x, g.constant(np.full((1, 1, 64, 8), 127), "int8"), x_zero=0,
        dilation=(1, 1), groups=1, padding=(0, 0, 0, 0), stride=(1, 1),
    )  # fmt: skip
    rows = [g.constant(np.full(8, v)) for v in (0, 1 << 30, 11)]
    ends = {"zero": 0, "low": 0, "high": 255, "relu": False}
    graph = g.graph(g.b.add("requantize", acc, *rows, format="uint8", axis=3, **ends))
    made = plan(graph, chip())
    sites = sites_of(made, graph, chip())
    with pytest.raises(RangeError, match=r"2\*\*p"):
        tuple(sites.tiles(made.shares[0]))


@pytest.mark.slow
def test_resnet50():
    graph = inference(nn.models.build("resnet50"), "int8", 1).graph
    made = plan(graph, chip(), objective="latency")
    sites = sites_of(made, graph, chip())
    for share in made.shares:
        assert overlapped(tuple(sites.tiles(share)), OPERANDS_AT).commands
    honest(made, graph, chip())
