"""Activations against float64 NumPy, with their gradients, and against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import spinntensor as st
from spinntensor.errors import UnknownNameError
from spinntensor.nn.activations import ACTIVATIONS, activate, known


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


REFERENCES = {
    "identity": lambda x: x,
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "softmax": softmax,
}


def test_every_activation_has_a_reference():
    assert set(REFERENCES) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values(rng, name):
    x = (rng.normal(size=(7, 9)) * 5).astype(np.float32)
    wanted = REFERENCES[name](x.astype(np.float64))
    bound = 2e-6 if name == "softmax" else 4e-7  # the difference to the maximum is rounded before exp
    assert np.allclose(activate(name, st.tensor(x)).numpy(), wanted, rtol=bound, atol=1e-30)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients(rng, name):
    x, weights = (rng.normal(size=(3, 5)).astype(np.float32) for _ in range(2))
    slope = st.grad(lambda v: st.sum(activate(name, v) * weights))(st.tensor(x)).numpy()
    step = 1e-6
    for place in np.ndindex(x.shape):
        apart = np.zeros(x.shape)
        apart[place] = step
        ends = [np.sum(REFERENCES[name](x.astype(np.float64) + s * apart) * weights) for s in (1, -1)]
        assert abs(slope[place] - (ends[0] - ends[1]) / (2 * step)) < 1e-5


def test_none_is_the_identity_and_others_are_refused():
    x = st.tensor([1.0])
    assert activate(None, x) is x and known(None) is None
    with pytest.raises(UnknownNameError, match=r"did you mean 'sigmoid'"):
        known("sigmoide")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "relu6", "leaky_relu", "softmax"])
def test_they_agree_with_pytorch(rng, name):
    functional = pytest.importorskip("torch.nn.functional")
    import torch

    x = (rng.normal(size=(50, 20)) * 4).astype(np.float32)
    more = {"leaky_relu": {"negative_slope": 0.2}, "softmax": {"dim": -1}}.get(name, {})
    theirs = getattr(functional, name)(torch.from_numpy(x), **more).numpy()
    assert np.allclose(activate(name, st.tensor(x)).numpy(), theirs, rtol=2e-6, atol=1e-7)
