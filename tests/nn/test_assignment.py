"""Weights of a whole model: counted, compared, and changed all at once or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor import nn
from spinntensor.errors import WeightsError


@pytest.fixture
def model():
    return nn.Sequential(
        [nn.Input((4,)), nn.Dense(3, name="a"), nn.BatchNorm(name="b"), nn.Dense(2, name="c")]
    )


@pytest.mark.parametrize(
    ("change", "layer", "weight", "words"),
    [
        (
            lambda w: w[:-1],
            "c",
            "bias",
            r"7 arrays for the model, here none, expected shape \(2,\); give 8 arrays",
        ),
        (lambda w: w + w[:1], "c", "", r"9 arrays for the model, behind it shape \(4, 3\), expected no more"),
        (
            lambda w: w[:1] + w[2:],
            "b",
            "moving_variance",
            r"7 arrays for the model, here shape \(3, 2\), expected shape \(3,\)",
        ),
        (lambda w: [w[0].T, *w[1:]], "a", "kernel", r"received shape \(3, 4\), expected shape \(4, 3\)"),
        (lambda w: [*w[:5], w[5] * np.inf, *w[6:]], "b", "moving_variance", "3 numbers that are not finite"),
        (lambda w: [], "a", "kernel", "0 arrays"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(model, change, layer, weight, words):
    before = model.get_weights()
    given = [w + 1 for w in change(before)]
    with pytest.raises(WeightsError, match=words) as caught:
        model.set_weights(given)
    assert (caught.value.layer, caught.value.weight) == (layer, weight)
    assert all(map(np.array_equal, before, model.get_weights()))


def test_what_fits_is_taken_as_float32(model):
    given = [np.round(np.arange(w.size) / 3, 3).reshape(w.shape) for w in model.get_weights()]
    model.set_weights(w for w in given)
    assert all(
        np.array_equal(a, b.astype(np.float32)) for a, b in zip(model.get_weights(), given, strict=True)
    )
    model.set_weights([w.astype(int).tolist() for w in given])
    assert model.get_weights()[-1].dtype == np.float32


def test_a_model_without_weights():
    model = nn.Sequential([nn.Input((4,)), nn.Flatten()], name="bare")
    model.set_weights([])
    with pytest.raises(WeightsError, match=r"layer 'bare': received 1 arrays .* expected no more weights"):
        model.set_weights([np.ones(3)])
