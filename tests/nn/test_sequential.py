"""Stacks: they grow, take their shape from data, are built once, and refuse what cannot be put on them."""

from __future__ import annotations

import numpy as np
import pytest
from nn_reference import samples

from spinntensor import nn
from spinntensor.errors import ShapeError


def test_a_stack_grows_and_takes_its_shape_from_data(rng):
    model = nn.Sequential().add(nn.Conv1D(4, 3, activation="relu")).add(nn.Dense(2))
    assert not model.built
    with pytest.raises(
        ShapeError, match=r"Sequential\('sequential'\).*no shape of the input.*build\(shape\)"
    ):
        model.get_weights()
    x = samples(rng, 5, 8, 3)
    assert model.predict(x).shape == (5, 2)
    assert model.inputs[0].shape == (8, 3)
    assert [layer.name for layer in model.layers] == ["input", "conv1d", "dense"]
    model.add(nn.Activation("softmax"))
    assert np.allclose(model.predict(x).sum(1), 1)


def test_a_stack_is_built_once():
    model = nn.Sequential([nn.Dense(2)]).build((3,))
    assert model.build((3,)).get_weights()[0].shape == (3, 2)
    with pytest.raises(ShapeError, match=r"InputLayer.*\(4,\), expected \(3,\)"):
        model.build((4,))


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([nn.Dense(2), nn.Input((3,))], "an Input on top"),
        ([nn.Input((3,)), nn.Input((3,))], "an Input on top"),
        ([np.ones(3)], "a ndarray, expected a layer"),
        ([nn.Input((3,)), nn.Conv2D(2, 3)], r"Conv2D 'conv2d'.*shape \(3,\)"),
        ([nn.Input((3,)), *[nn.Dense(3)] * 2], "once more"),
    ],
)
def test_stacks_that_cannot_be(layers, words):
    with pytest.raises(ShapeError, match=words):
        nn.Sequential(layers)


def test_layers_draw_independently_of_each_other():
    """Layers put on later do not change, nor repeat, what others drew."""
    model = nn.Sequential([nn.Input((4,)), nn.Dense(4)])
    (first,) = model.get_weights()[:1]
    model.add(nn.Dense(4))
    kernel, _, other, _ = model.get_weights()
    whole = nn.Sequential([nn.Input((4,)), nn.Dense(4), nn.Dense(4)])
    assert np.array_equal(kernel, first) and not np.array_equal(kernel, other)
    assert all(map(np.array_equal, model.get_weights(), whole.get_weights()))
