"""Graphs to cut, random cuts of them, and the comparison of their tiles with the host executor, for the tests."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np

import spinntensor as sp
from spinntensor import nn
from spinntensor.formats.description import Quantized
from spinntensor.kernels.kernel import equal_bits
from spinntensor.lower.lowering import lower
from spinntensor.machine import host
from spinntensor.plan.cut import Cut
from spinntensor.plan.execute import execute


def spans(rng, axis, most):
    """Random spans of an axis, up to `most`, cut at multiples of its unit."""
    places = np.arange(axis.unit, axis.size, axis.unit) if axis.unit else np.arange(0)
    count = min(int(rng.integers(0, most)), len(places))
    ends = [0, *sorted(rng.choice(places, count, replace=False).tolist()), axis.size]
    return tuple(pairwise(ends))


def cut_of(rng, stage, most=3, workers=5):
    """A random cut of a stage: uneven spans, split sums where they can be, any order, any owners."""
    parts = tuple(spans(rng, axis, most) for axis in stage.axes)
    sums = spans(rng, stage.sums, 4) if stage.sums and rng.integers(0, 3) else ()
    axes = len(parts) + bool(sums)
    boxes = prod(map(len, parts))
    tiles = boxes * max(len(sums), 1)
    joiners = rng.integers(0, workers, boxes).tolist() if len(sums) > 1 else ()
    owners = rng.integers(0, workers, tiles).tolist()
    return Cut(parts, sums, tuple(rng.permutation(axes).tolist()), tuple(owners), tuple(joiners))


def same(one, other):
    """Equal in type, shape and bits; bfp16 in its exponents as well."""
    if isinstance(one, Quantized):
        assert isinstance(other, Quantized) and one.format == other.format
        return np.array_equal(one.exponent, other.exponent) and equal_bits(one.data, other.data)
    return equal_bits(one, other)


def agree(graph, values, seed=0, most=3, **options):
    """The tiles of random cuts give what the host executor gives, counts included: (lowered graph, result)."""
    want = host.execute(host.prepare(graph), values)
    lowered = lower(graph, **options)
    rng = np.random.default_rng(seed)
    got = execute(lowered, [cut_of(rng, stage, most) for stage in lowered.stages], values)
    assert len(got.outputs) == len(want.outputs)
    assert all(same(a, b) for a, b in zip(got.outputs, want.outputs, strict=True))
    assert got.updates.keys() == want.updates.keys()
    assert all(same(got.updates[v], want.updates[v]) for v in want.updates)
    assert got.counts == want.counts
    return lowered, got


def graph_of(function, values):
    """The optimised graph of a function, and the values of its inputs."""
    graph = sp.compile(function).graph(*map(sp.tensor, values))
    return graph, dict(zip([n.id for n in graph.inputs], values, strict=True))


def values_of(graph, seed=0):
    """Values for all inputs and variables of a training step: numbers, labels, and positive scalars."""
    rng, found = np.random.default_rng(seed), {}
    for node in graph.nodes:
        if node.op in ("input", "variable"):
            shape, form = node.type.shape, node.type.format
            x = rng.standard_normal(shape) if form == "float32" else rng.integers(0, 3, shape)
            found[node.id] = np.asarray(np.abs(x) if shape == () else x, form)
    return found


def training(model, form, samples, labels, optimizer):
    """The graph of one training step."""
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", format=form)
    trainer = model.trainer
    trainer.build()
    x, y = sp.zeros((samples, *model.inputs[0].shape)), sp.tensor(np.zeros(labels, np.int64))
    return trainer.graph([((x,), (y,))])


def small_resnet():
    x = nn.Input((9, 8, 3))
    y = nn.Activation("relu")(nn.BatchNorm()(nn.Conv2D(8, 3, padding="same", use_bias=False)(x)))
    other = nn.Conv2D(16, 1, strides=2, use_bias=False)(y)
    y = nn.Activation("relu")(nn.BatchNorm()(nn.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(y)))
    y = nn.DepthwiseConv2D(3, padding="same")(nn.Conv2D(16, 3, padding="same", use_bias=False)(y))
    y = nn.MaxPool2D(2)(nn.Activation("relu")(nn.Add()([nn.BatchNorm()(y), other])))
    return nn.Model(x, nn.Dense(3)(nn.GlobalAveragePool()(y)), seed=1)
