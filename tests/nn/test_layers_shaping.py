"""Input, Flatten, Reshape, ZeroPadding: elements, shapes, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from nn_reference import alone, samples

from spinntensor import nn
from spinntensor.errors import ShapeError


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 4, 3)])
def test_flatten_is_row_major(rng, shape):
    x = samples(rng, 5, *shape)
    model = alone(nn.Flatten(), shape)
    assert np.array_equal(model.predict(x), x.reshape(5, -1))
    assert model.outputs[0].shape == (x[0].size,)


@pytest.mark.parametrize(
    ("target", "wanted"),
    [((6, 4), (6, 4)), ((-1,), (24,)), ((2, -1, 3), (2, 4, 3)), (24, (24,)), ([1, -1], (1, 24))],
)
def test_reshape(rng, target, wanted):
    x = samples(rng, 5, 2, 3, 4)
    model = alone(nn.Reshape(target), (2, 3, 4))
    assert model.outputs[0].shape == wanted
    assert np.array_equal(model.predict(x), x.reshape(5, *wanted))


@pytest.mark.parametrize(
    ("padding", "shape", "rim"),
    [
        (1, (4, 3), [(1, 1)]),
        ((1, 2), (4, 3), [(1, 2)]),
        (2, (4, 5, 3), [(2, 2), (2, 2)]),
        ((1, 2), (4, 5, 3), [(1, 1), (2, 2)]),
        (((0, 1), (2, 3)), (4, 5, 3), [(0, 1), (2, 3)]),
        ([[0, 1], [2, 3]], (4, 5, 3), [(0, 1), (2, 3)]),
    ],
)
def test_zero_padding(rng, padding, shape, rim):
    x = samples(rng, 2, *shape)
    wanted = np.pad(x, [(0, 0), *rim, (0, 0)])
    model = alone(nn.ZeroPadding(padding), shape)
    assert model.outputs[0].shape == wanted.shape[1:]
    assert np.array_equal(model.predict(x), wanted)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Input((3, 0)), "InputLayer 'input'.*sizes from 1 on"),
        (lambda: nn.Input((3, None)), "sizes from 1 on"),
        (lambda: nn.Reshape((-1, -1)), "at most one -1"),
        (lambda: nn.Reshape((0, 3)), "sizes from 1 on"),
        (lambda: nn.Reshape((5,))(nn.Input((6,))), r"\(6,\), 6 elements, expected elements for \(5,\)"),
        (lambda: nn.Reshape((4, -1))(nn.Input((6,))), "6 elements"),
        (lambda: nn.ZeroPadding("same"), "'same', expected numbers"),
        (lambda: nn.ZeroPadding((1, 2, 3)), "padding"),
        (lambda: nn.ZeroPadding(((0, 1), (1, 1)))(nn.Input((4, 3))), "sequences have one axis"),
        (lambda: nn.ZeroPadding()(nn.Input((4,))), r"shape \(4,\)"),
        (lambda: nn.InputLayer((3,))(nn.Input((3,))), "1 inputs, expected none"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(ShapeError, match=words):
        make()


@pytest.mark.slow
def test_shaping_agrees_with_pytorch(rng):
    torch = pytest.importorskip("torch")
    x = samples(rng, 2, 4, 5, 3)
    t = torch.from_numpy(x)
    padded = torch.nn.ZeroPad2d((2, 3, 0, 1))(t.movedim(-1, 1)).movedim(1, -1)
    assert np.array_equal(alone(nn.ZeroPadding(((0, 1), (2, 3))), (4, 5, 3)).predict(x), padded.numpy())
    assert np.array_equal(alone(nn.Flatten(), (4, 5, 3)).predict(x), torch.nn.Flatten()(t).numpy())
    assert np.array_equal(
        alone(nn.Reshape((5, 12)), (4, 5, 3)).predict(x), torch.nn.Unflatten(1, (5, 12))(t.flatten(1)).numpy()
    )
