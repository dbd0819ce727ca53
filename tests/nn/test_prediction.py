"""Predictions: batches of any size, several inputs, loaders, one trace for each size, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as draw
from nn_reference import samples

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import OperandError, ShapeError


def model():
    x, z = nn.Input((3,)), nn.Input((2, 2))
    return nn.Model([x, z], [nn.Dense(4)(nn.Concatenate()([x, nn.Flatten()(z)])), nn.Dense(1)(z)])


MODEL = model()


@given(count=draw.integers(0, 9), batch_size=draw.integers(1, 10))
def test_the_size_of_batches_does_not_show(count, batch_size):
    rng = np.random.default_rng(count)
    data = [samples(rng, count, 3), samples(rng, count, 2, 2)]
    found = MODEL.predict(data, batch_size)
    assert [y.shape for y in found] == [(count, 4), (count, 1)] and found[0].dtype == np.float32
    if count:
        wanted = MODEL.forward(*data)
        assert all(np.array_equal(y, w.numpy()) for y, w in zip(found, wanted, strict=True))


def test_a_graph_for_each_size_of_batch(rng, monkeypatch):
    net = nn.Sequential([nn.Input((3,)), nn.Dense(2)])
    traced = []
    monkeypatch.setattr(
        nn.Sequential, "forward", lambda *a, **k: traced.append(1) or nn.Model.forward(*a, **k)
    )
    net.predict(samples(rng, 10, 3), batch_size=4)
    assert len(traced) == 2  # four and the last two
    net.predict(samples(rng, 14, 3), batch_size=4)
    assert len(traced) == 2
    net.set_weights([np.eye(3, 2), [1, 2]])  # weights are no part of the graph
    assert net.predict(np.zeros((4, 3))).tolist() == [[1, 2]] * 4
    assert len(traced) == 2


def test_what_may_be_given(rng):
    net = nn.Sequential([nn.Input((3,)), nn.Dense(2)])
    x = samples(rng, 5, 3)
    wanted = net.predict(x)
    for given_ in (x.astype(np.float64), st.tensor(x), x.tolist(), [x], (x,), iter([x[:2], x[2:]])):
        assert np.array_equal(net.predict(given_), wanted)
    pairs = [(x[:4], np.zeros(4)), (x[4:], np.zeros(1))]
    assert np.array_equal(net.predict(p for p in pairs), wanted)
    assert np.array_equal(net.predict(nn.data.Loader((x, np.arange(5)), 2)), wanted)
    assert np.array_equal(
        net.predict(np.arange(6, dtype=np.uint8).reshape(2, 3)), net.predict([[0, 1, 2], [3, 4, 5]])
    )


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.ones((2, 4)), r"InputLayer 'input'.*\(2, 4\), expected shape \(N, 3\)"),
        (np.ones(3), r"\(3,\), expected shape \(N, 3\)"),
        ([[1, 2], [1]], "ragged numbers"),
        ([np.ones((2, 3)), np.ones((2, 3))], r"\(2, 2, 3\), expected shape \(N, 3\)"),
        (np.full((1, 3), 1e39), "within float32's range"),
    ],
)
def test_what_may_not(x, words):
    with pytest.raises(ShapeError, match=words):
        nn.Sequential([nn.Input((3,)), nn.Dense(2)]).predict(x)


def test_several_inputs_have_to_fit(rng):
    with pytest.raises(ShapeError, match=r"1 inputs, expected 2: input \(3,\), input_1 \(2, 2\)"):
        MODEL.predict(samples(rng, 5, 3))
    with pytest.raises(ShapeError, match=r"'input_1'.*\(4, 2, 2\), expected shape \(5, 2, 2\)"):
        MODEL.predict([samples(rng, 5, 3), samples(rng, 4, 2, 2)])


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_sizes_of_batches_are_checked(size):
    with pytest.raises(OperandError, match=r"batch_size"):
        nn.Sequential([nn.Input((3,)), nn.Dense(2)]).predict(np.ones((2, 3)), batch_size=size)


def test_a_loader_gives_no_shape():
    with pytest.raises(ShapeError, match=r"no shape of the input"):
        nn.Sequential([nn.Dense(2)]).predict(iter([np.ones((2, 3))]))


def test_unknown_formats():
    with pytest.raises(OperandError, match=r"'int4'.*model.quantize"):
        MODEL.predict([np.ones((1, 3)), np.ones((1, 2, 2))], format="int4")
