"""Batch-norm statistics from data: each layer's are those of its input after the layers before it were set."""

from __future__ import annotations

import numpy as np
import pytest

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import OperandError, ShapeError
from spinntensor.nn.models import resnet8
from spinntensor.nn.statistics import calibrate_statistics


def stack():
    layers = [nn.Conv2D(4, 3, name="a"), nn.BatchNorm(name="b"), nn.Activation("relu"), nn.Dense(3, name="c")]
    return nn.Sequential([nn.Input((6, 6, 2)), *layers, nn.BatchNorm(name="d")], seed=1)


def test_statistics_are_those_of_the_inputs(rng):
    model = stack()
    x = rng.normal(2.0, 3.0, (16, 6, 6, 2)).astype(np.float32)
    calibrate_statistics(model, x)
    seen = {}
    model.forward(x, observe=lambda layer, y: seen.update({layer.name: y.numpy()}))
    for before, name, axes in (("a", "b", (0, 1, 2)), ("c", "d", (0,))):
        weights = model.layer(name).weights
        np.testing.assert_allclose(weights["moving_mean"].numpy(), seen[before].mean(axes), 1e-4, 1e-5)
        np.testing.assert_allclose(weights["moving_variance"].numpy(), seen[before].var(axes), 1e-4)
        np.testing.assert_allclose(seen[name].mean(axes), 0, atol=1e-5)
        np.testing.assert_allclose(seen[name].std(axes), 1, atol=2e-3)


def test_nothing_else_changes_and_nothing_is_drawn(rng):
    x = rng.normal(size=(4, 6, 6, 2)).astype(np.float32)
    before, one, other = stack(), stack(), stack()
    for model in (one, other):
        calibrate_statistics(model, x)
    for layer in before.layers:
        for name, weight in layer.weights.items():
            a, b = (m.layer(layer.name).weights[name].numpy() for m in (one, other))
            np.testing.assert_array_equal(a, b)
            assert name.startswith("moving") != np.array_equal(a, weight.numpy())


def test_a_deep_network_stays_sane(rng):
    x = rng.uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    model = resnet8(statistics=x)
    assert model.synthetic
    assert 0.1 < model.predict(x).std() < 10
    assert resnet8().predict(x).std() > 10


def test_a_model_of_two_inputs(rng):
    a, b = nn.Input((5,)), nn.Input((5,))
    norm = nn.BatchNorm(name="norm")
    model = nn.Model([a, b], norm(nn.Add()([a, b])))
    x, y = rng.normal(size=(2, 9, 5)).astype(np.float32)
    calibrate_statistics(model, x, y)
    np.testing.assert_allclose(norm.weights["moving_mean"].numpy(), (x + y).mean(0), atol=1e-5)


def test_data_that_gives_no_statistics():
    with pytest.raises(OperandError, match=r"d: .*received 1 number for each channel.* give more samples"):
        calibrate_statistics(stack(), np.ones((1, 6, 6, 2), np.float32))
    with st.counting(), pytest.raises(OperandError, match=r"b: .*received a moving_mean of nan"):
        calibrate_statistics(stack(), np.full((2, 6, 6, 2), np.nan, np.float32))
    with pytest.raises(ShapeError):
        calibrate_statistics(stack(), np.ones((2, 5, 6, 2), np.float32))
