"""Activation as a layer, with and without a slope of its own."""

from __future__ import annotations

import numpy as np
import pytest
from nn_reference import alone, samples

from spinntensor import nn
from spinntensor.errors import OperandError, ShapeError, UnknownNameError
from spinntensor.nn.activations import ACTIVATIONS


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(4,), (3, 2, 4)])
def test_it_is_what_a_dense_layer_ends_with(rng, name, shape):
    x = samples(rng, 5, *shape) * 4
    y = alone(nn.Activation(name), shape).predict(x)
    assert y.shape == x.shape
    dense = alone(nn.Dense(4, activation=name, use_bias=False), (4,))
    dense.set_weights([np.eye(4)])
    assert np.array_equal(dense.predict(x.reshape(-1, 4)).reshape(x.shape), y)


def test_the_slope_of_leaky_relu_may_be_chosen():
    x = np.array([[-2.0, 3.0]], np.float32)
    assert np.array_equal(alone(nn.Activation("leaky_relu"), (2,)).predict(x), np.float32([[-0.4, 3]]))
    assert np.array_equal(alone(nn.Activation("leaky_relu", 0.01), (2,)).predict(x), np.float32([[-0.02, 3]]))


def test_refusals():
    with pytest.raises(UnknownNameError, match=r"unknown activation 'rellu'; did you mean 'relu'"):
        nn.Activation("rellu")
    with pytest.raises(OperandError, match=r"negative_slope.*0.1 for relu.*None"):
        nn.Activation("relu", negative_slope=0.1)
    with pytest.raises(ShapeError, match=r"an axis of classes"):
        nn.Activation("softmax")(nn.Input(()))
