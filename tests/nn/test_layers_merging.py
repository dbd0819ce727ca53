"""Layers of several inputs: values, shapes, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from nn_reference import alone, samples

from spinntensor import nn
from spinntensor.errors import ShapeError


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 4, 3)])
def test_sums_and_products_go_from_first_to_last(rng, count, shape):
    xs = [samples(rng, 5, *shape) for _ in range(count)]
    total, product = xs[0], xs[0]
    for x in xs[1:]:
        total, product = total + x, product * x
    assert np.array_equal(alone(nn.Add(), *[shape] * count).predict(xs), total)
    assert np.array_equal(alone(nn.Multiply(), *[shape] * count).predict(xs), product)


def test_an_axis_of_size_1_is_repeated(rng):
    x, gate = samples(rng, 2, 4, 4, 3), samples(rng, 2, 1, 1, 3)
    model = alone(nn.Multiply(), (1, 1, 3), (4, 4, 3))
    assert model.outputs[0].shape == (4, 4, 3)
    assert np.array_equal(model.predict([gate, x]), gate * x)


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -3])
def test_concatenation_counts_the_batch_as_keras_does(rng, axis):
    shapes = [[2, 4, 3] for _ in range(3)]
    for i, shape in enumerate(shapes):
        shape[axis - 1 if axis > 0 else axis] += i
    xs = [samples(rng, 2, *s) for s in shapes]
    model = alone(nn.Concatenate(axis), *shapes)
    wanted = np.concatenate(xs, axis)
    assert model.outputs[0].shape == wanted.shape[1:]
    assert np.array_equal(model.predict(xs), wanted)


@pytest.mark.parametrize(
    ("layer", "shapes", "words"),
    [
        (nn.Add(name="a"), [(3,)], "Add 'a'.*1 input, expected at least two"),
        (nn.Add(), [(3,), (4,)], r"\(3,\), \(4,\), expected equal sizes"),
        (nn.Multiply(), [(3,), (2, 3)], r"\(3,\), \(2, 3\)"),
        (nn.Concatenate(), [(3, 4), (2, 4)], "all axes but 1"),
        (nn.Concatenate(1), [(3, 4), (2, 5)], "all axes but 0"),
        (nn.Concatenate(0), [(3,), (3,)], "axis 0.*the batch is never joined"),
        (nn.Concatenate(2), [(3,), (3,)], "axis 2"),
        (nn.Concatenate(), [(3,), (3, 3)], "equal sizes"),
        (nn.Concatenate(), [(3,)], "at least two"),
    ],
)
def test_refusals(layer, shapes, words):
    with pytest.raises(ShapeError, match=words):
        layer([nn.Input(s) for s in shapes])


@pytest.mark.slow
def test_merging_agrees_with_pytorch(rng):
    torch = pytest.importorskip("torch")
    xs = [samples(rng, 3, 4, 5, 6) for _ in range(2)]
    a, b = map(torch.from_numpy, xs)
    for layer, wanted in (
        (nn.Add(), a + b),
        (nn.Multiply(), a * b),
        (nn.Concatenate(), torch.cat([a, b], -1)),
    ):
        assert np.array_equal(alone(layer, (4, 5, 6), (4, 5, 6)).predict(xs), wanted.numpy())
