"""Batches of arrays and loaders: every sample once, in an order that seed and epoch decide, and checked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import OperandError
from spinntensor.nn.batches import ArrayBatches, batches
from spinntensor.nn.data import Loader
from spinntensor.nn.objective import objective

INPUTS = [nn.Input((2,), name="x")]
OBJECTIVE = objective([nn.Dense(3)(INPUTS[0])], "sparse_categorical_crossentropy", [])
X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10) % 3


@given(some.integers(1, 12), some.one_of(some.none(), some.integers(0, 99)), some.integers(0, 5))
def test_each_sample_comes_once_and_any_batch_can_be_the_first(size, seed, epoch):
    data = batches(X, Y, INPUTS, OBJECTIVE, size, seed)
    found = list(data.batches(epoch))
    assert len(found) == len(data) == -(-10 // size)
    x = np.concatenate([b[0][0] for b in found])
    y = np.concatenate([b[1][0] for b in found])
    assert x.dtype == np.float32 and y.dtype == np.int32
    np.testing.assert_array_equal(y, x[:, 0] // 2 % 3)
    np.testing.assert_array_equal(np.sort(x[:, 0]), X[:, 0])
    if seed is None:
        np.testing.assert_array_equal(x, X)
    for first in range(len(data)):
        rest = list(data.batches(epoch, first))
        np.testing.assert_array_equal(np.concatenate([b[0][0] for b in rest]), x[first * size :])


def test_the_order_is_the_loaders():
    ours = batches(X, Y, INPUTS, OBJECTIVE, 4, seed=7)
    theirs = batches(Loader((X, Y), 4, shuffle=True, seed=7), None, INPUTS, OBJECTIVE)
    for a, b in zip(ours.batches(2, 1), theirs.batches(2, 1), strict=True):
        np.testing.assert_array_equal(a[0][0], b[0][0])
        np.testing.assert_array_equal(a[1][0], b[1][0])


class Own:
    """The least that a loader has to be."""

    def __init__(self):
        self.epochs = []

    def shuffle(self, epoch):
        self.epochs.append(epoch)

    def __len__(self):
        return 5

    def __iter__(self):
        for i in range(5):
            yield X[2 * i : 2 * i + 2], Y[2 * i : 2 * i + 2]


def test_a_loader_of_the_users_own():
    own = Own()
    data = batches(own, None, INPUTS, OBJECTIVE)
    assert len(data) == 5 and len(list(data.batches(3, 2))) == 3 and own.epochs == [3]


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ((X[:2], None), "let the loader give targets"),
        (X[:2], "a pair"),
        ((X[:2], Y[:3]), "3 for 2 samples"),
        ((X[:2], [0, 3]), "label 3"),
        ((X[:2, :1], [0, 1]), r"expected numbers \[samples, 2\]"),
    ],
)
def test_batches_of_a_loader_are_checked(pair, words):
    class Wrong(Own):
        def __iter__(self):
            return iter([pair])

    with pytest.raises(OperandError, match=words):
        list(batches(Wrong(), None, INPUTS, OBJECTIVE).batches())


def test_what_may_be_given():
    for x in (X, X.tolist(), st.tensor(X), X.astype(np.uint8), [X]):
        (found,) = batches(x, Y, INPUTS, OBJECTIVE, 10).batches()
        np.testing.assert_array_equal(found[0][0], X)
    for size in (0, 2.5, True):
        with pytest.raises(OperandError, match="batch_size"):
            batches(X, Y, INPUTS, OBJECTIVE, size)
    with pytest.raises(OperandError, match="ragged"):
        batches([[1.0], [2.0, 3.0]], Y, INPUTS, OBJECTIVE)


@given(some.floats(0.1, 0.85))
def test_a_split_takes_the_last(share):
    first, last = ArrayBatches((X,), (Y,), 4, 3).split(share)
    assert first.samples + last.samples == 10 and first.samples == int(10 * (1 - share))
    assert (first.seed, last.seed) == (3, None)
    np.testing.assert_array_equal(np.concatenate([first.xs[0], last.xs[0]]), X)
    np.testing.assert_array_equal(np.concatenate([first.ys[0], last.ys[0]]), Y)
