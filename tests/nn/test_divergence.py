"""Where numbers went wrong: inputs, weights, layers, the loss, in this order."""

import numpy as np
import pytest

import spinntensor as st
from spinntensor import nn
from spinntensor.nn.divergence import diverged, restore, snapshot, weights
from spinntensor.nn.layer import Mode

X = np.ones((3, 2), np.float32)


def model():
    return nn.Sequential([nn.Input((2,), name="in"), nn.Dense(2, name="a"), nn.Dense(2, name="b")])


def where(model, x):
    return diverged(model, [((X,), ()), ((x,), ())], [1.0, np.nan], Mode(True), 1, 2).where


def spoiled(name, index, value):
    m = model()
    variable = list(m.layer(name).weights.values())[index]
    variable.assign(np.full(variable.shape, value, np.float32))
    return m


@pytest.mark.parametrize(
    ("make", "x", "words"),
    [
        (model, np.where(np.arange(3)[:, None] == 1, np.inf, X), "input 'in', in sample 1 of the batch"),
        (lambda: spoiled("b", 1, np.nan), X, "weight 'bias' of layer 'b'"),
        (lambda: spoiled("a", 0, 3e38), X, "the output of layer 'a' (Dense)"),
        (lambda: spoiled("b", 0, 3e38), 9 * X, "the output of layer 'b' (Dense)"),
        (model, X, "the loss; every layer's output is finite"),
    ],
)
def test_the_first_place_is_named(make, x, words):
    assert words in where(make(), x.astype(np.float32))


def test_weights_in_words():
    assert weights(model(), "now") == ""
    assert weights(spoiled("a", 1, np.inf), "now") == "weight 'bias' of layer 'a', now"


def test_a_snapshot_brings_back_what_was_held():
    v = st.Variable([1.0, 2.0])
    held = snapshot([v])
    v.assign_add(1.0)
    v.numpy()
    restore(held)
    assert v.tolist() == [1.0, 2.0]
