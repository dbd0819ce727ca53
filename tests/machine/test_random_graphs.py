"""Random networks, forward and backward, in all formats: under several plans each has the host's bits and counts."""

from dataclasses import dataclass

import numpy as np
import pytest
from chips import counts_agree
from cutting import same, values_of
from hypothesis import given, settings
from hypothesis import strategies as st
from planning import machine

from spinntensor import nn
from spinntensor.machine.current import labelled
from spinntensor.machine.runner import ChipRunner, HostRunner
from spinntensor.nn.workload import inference, training
from spinntensor.plan.partition import OBJECTIVES

pytest.importorskip("unicorn")

CLASSES = 5
PLANS = 3
"""Plans of each network."""


@dataclass(frozen=True)
class Drawn:
    """What networks are made of.

    Parameters
    ----------
    channels, activations, windows : of products, behind them, and layers that pool.
    depthwise : whether there are depthwise convolutions.
    size, blocks : the highest and widest image, and the most blocks behind the first one.
    dead : cores that do not work; fewer workers are emulated more quickly.
    """

    channels: tuple[int, ...]
    activations: tuple[str | None, ...]
    windows: tuple[type, ...] = (nn.AveragePool2D,)
    depthwise: bool = False
    size: int = 8
    blocks: int = 2
    dead: tuple[int, ...] = (14, 15, 13, 10, 5, 0)


BYTES = Drawn((3, 8, 12, 16, 24), (None, "relu", "relu6"), (nn.MaxPool2D, nn.AveragePool2D), depthwise=True)
FLOATS = Drawn((1, 3, 5, 8, 12, 16, 24), (None, "relu", "leaky_relu", "tanh", "sigmoid"))
TRAINED = Drawn((1, 3, 5, 8, 12, 16), (None, "relu"), size=5, blocks=1, dead=(15, 14, 13, 10, 5))


@st.composite
def networks(draw, of):
    """A network of some blocks - convolutions, batch norm, branches, pooling - with a dense end."""

    def product(layer, x, **options):
        if draw(st.booleans()):
            return nn.BatchNorm()(layer(use_bias=False, **options)(x))
        return layer(activation=draw(st.sampled_from(of.activations)), **options)(x)

    def conv(x):
        size = draw(st.sampled_from([n for n in (1, 3, 5) if n <= min(x.shape[:2]) or n == 3]))
        padding = draw(st.sampled_from(["same", "valid"])) if size <= min(x.shape[:2]) else "same"
        return alike(x, draw(st.sampled_from(of.channels)), size, draw(st.integers(1, 2)), padding)

    def alike(x, filters, size=3, strides=1, padding="same"):
        return product(nn.Conv2D, x, filters=filters, kernel_size=size, strides=strides, padding=padding)

    def branch(x):
        return nn.Activation("relu")(nn.Add()([alike(x, x.shape[-1]), x]))

    def shortcut(x):
        filters = draw(st.sampled_from(of.channels))
        return nn.Activation("relu")(nn.Add()([alike(x, filters, strides=2), alike(x, filters, 1, 2)]))

    def depthwise(x):
        return product(nn.DepthwiseConv2D, x, kernel_size=3, strides=draw(st.integers(1, 2)), padding="same")

    def pool(x):
        padding = draw(st.sampled_from(["same", "valid"])) if min(x.shape[:2]) > 1 else "same"
        return draw(st.sampled_from(of.windows))(2, draw(st.integers(1, 2)), padding)(x)

    blocks = [branch, shortcut, conv, pool] + [depthwise] * of.depthwise
    height, width = draw(st.integers(2, of.size)), draw(st.integers(2, of.size))
    start = nn.Input((height, width, draw(st.sampled_from([1, 3, 8]))))
    x = conv(start)
    for block in draw(st.lists(st.sampled_from(blocks), min_size=1, max_size=of.blocks)):
        x = block(x)
    x = draw(st.sampled_from([nn.Flatten, nn.GlobalAveragePool]))()(x)
    if draw(st.booleans()):
        x = product(nn.Dense, x, units=draw(st.sampled_from(of.channels)))
    x = nn.Dense(CLASSES, draw(st.sampled_from([None, "softmax"])))(x)
    return nn.Model(start, x, name="random", seed=draw(st.integers(0, 99)))


@st.composite
def steps(draw, of, format):
    """A network that is trained by some kind of SGD."""
    model, momentum = draw(networks(of)), draw(st.sampled_from([0.9, 0.0]))
    rule = nn.SGD(0.1, momentum, nesterov=momentum > 0 and draw(st.booleans()), weight_decay=0.01)
    logits = getattr(model.outputs[0].layer, "activation", None) is None
    loss = nn.SparseCategoricalCrossentropy(from_logits=logits)
    metrics = ["accuracy"] * (format == "float32" and draw(st.booleans()))  # the ITCM has no room for both
    model.compile(rule, loss, metrics, format=format)
    return model


def plans(of):
    """Chips, objectives and batches: (seed of the chip, dead cores, objective, batch)."""
    one = st.tuples(
        st.integers(0, 99), st.sampled_from(of.dead), st.sampled_from(OBJECTIVES), st.integers(1, 3)
    )
    return st.lists(one, min_size=PLANS, max_size=PLANS, unique_by=lambda found: found[1:])


def drawn(graph, seed):
    """Values of inputs and variables; those of one axis are positive, since variances are among them."""
    return {n: np.abs(x) if x.ndim == 1 else x for n, x in values_of(graph, seed).items()}


def agree(graph, plan, runs, seed):
    """A chip gives the outputs, updates and counts of the host, run after run of so many batches."""
    chosen, dead, objective, batch = plan
    with labelled("random", "", batch):
        chip = ChipRunner(graph, machine(np.random.default_rng(chosen), dead), objective=objective)
    host, held = HostRunner(graph), {}
    for run, batches in enumerate(runs):
        values = [drawn(graph, seed + 10 * run + i) for i in range(batches)]
        held = held or {n.id: values[0][n.id] for n in graph.nodes if n.op == "variable"}
        values = [one | held for one in values]
        for want, got in zip(host.run(values), chip.run(values), strict=True):
            for a, b in zip(got.outputs, want.outputs, strict=True):
                assert same(np.asarray(a), np.asarray(b))
            assert all(same(np.asarray(got.updates[v]), want.updates[v]) for v in want.updates)
            counts_agree(got.counts, want.counts)
            held = held | got.updates


def forward(format, examples):
    """Predictions of two batches, then of one more."""
    of = BYTES if format == "int8" else FLOATS

    @settings(max_examples=examples)
    @given(networks(of), plans(of), st.integers(0, 99))
    def agrees(model, made, seed):
        for one in made:
            agree(inference(model, format, one[-1]).graph, one, (2, 1), seed)

    agrees()


def backward(format, examples):
    """Two steps of training, the second one on what the first one left."""

    @settings(max_examples=examples)
    @given(steps(TRAINED, format), plans(TRAINED), st.integers(0, 99))
    def agrees(model, made, seed):
        for one in made:
            agree(training(model, format, one[-1]).graph, one, (1, 1), seed)

    agrees()


CASES = [
    pytest.param(forward, "int8", 12, id="int8"),
    pytest.param(forward, "float32", 4, id="float32"),
    pytest.param(forward, "bfp16", 3, id="bfp16"),
    pytest.param(backward, "float32", 3, id="float32 backward"),
    pytest.param(backward, "bfp16", 3, id="bfp16 backward"),
]


@pytest.mark.parametrize(("check", "format", "examples"), CASES)
def test_random_networks_have_the_hosts_bits_whatever_the_plan(check, format, examples):
    check(format, examples)


@pytest.mark.slow
@pytest.mark.parametrize(("check", "format", "examples"), CASES)
def test_many_random_networks(check, format, examples):
    check(format, 10 * examples)
