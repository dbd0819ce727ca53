"""Batch normalisation and dropout: inference, training, moving statistics, groups; float64 and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from nn_reference import alone, randomized, samples

import spinntensor as st
from spinntensor import nn
from spinntensor.errors import OperandError, ShapeError, UnknownNameError

TRAINING = nn.Mode(training=True)


def normalized(x, mean, variance, gamma, beta, epsilon):
    return (x.astype(np.float64) - mean) / np.sqrt(variance.astype(np.float64) + epsilon) * gamma + beta


@pytest.mark.parametrize("shape", [(6,), (5, 6), (4, 3, 6)])
def test_inference_uses_moving_statistics(rng, shape):
    model = randomized(alone(nn.BatchNorm(), shape), rng)
    gamma, beta, mean, variance = before = model.get_weights()
    x = samples(rng, 5, *shape)
    wanted = normalized(x, mean, variance, gamma, beta, 1e-3)
    assert np.abs(model.predict(x) - wanted).max() < 4e-6
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("shape", [(6,), (4, 3, 6)])
@pytest.mark.parametrize("compiled", [False, True])
def test_training_uses_the_batch_and_moves_the_statistics(rng, shape, compiled):
    model = randomized(alone(nn.BatchNorm(momentum=0.75, epsilon=1e-5), shape), rng)
    gamma, beta, mean, variance = model.get_weights()
    x = samples(rng, 20, *shape) * 3 + 1
    run = (lambda v: model.forward(v, mode=TRAINING)) if not compiled else st.compile(run_of(model, TRAINING))
    y = run(st.tensor(x)).numpy()
    axes = tuple(range(len(shape)))
    mu, var = x.astype(np.float64).mean(axes), x.astype(np.float64).var(axes)
    assert np.abs(y - normalized(x, mu, var, gamma, beta, 1e-5)).max() < 1e-5
    after = model.get_weights()
    assert np.array_equal(after[0], gamma) and np.array_equal(after[1], beta)
    assert np.abs(after[2] - (0.75 * mean + 0.25 * mu)).max() < 1e-6
    assert np.abs(after[3] - (0.75 * variance + 0.25 * var)).max() < 1e-5


def run_of(model, mode):
    return lambda v: model.forward(v, mode=mode)


def test_groups_have_statistics_of_their_own(rng):
    x = samples(rng, 10, 3) + np.repeat([[0.0], [5.0], [9.0]], [4, 4, 2], axis=0).astype(np.float32)
    model = alone(nn.BatchNorm(momentum=0.0), (3,))
    y = model.forward(x, mode=nn.Mode(training=True, group=4)).numpy()
    for part in (slice(0, 4), slice(4, 8), slice(8, 10)):
        piece = x[part].astype(np.float64)
        wanted = normalized(piece, piece.mean(0), piece.var(0), 1, 0, 1e-3)
        assert np.abs(y[part] - wanted).max() < 3e-6
    parts = np.split(x.astype(np.float64), [4, 8])
    means = np.average([p.mean(0) for p in parts], axis=0, weights=[4, 4, 2])
    assert np.abs(model.get_weights()[2] - means).max() < 1e-6


def test_a_frozen_layer_infers_in_training(rng):
    layer = nn.BatchNorm()
    model = randomized(alone(layer, (3,)), rng)
    layer.trainable = False
    x, before = samples(rng, 6, 3), model.get_weights()
    assert np.array_equal(model.forward(x, mode=TRAINING).numpy(), model.predict(x))
    assert all(map(np.array_equal, before, model.get_weights()))
    assert model.trainable_variables == []


@pytest.mark.parametrize(("center", "scale"), [(False, True), (True, False), (False, False)])
def test_gamma_and_beta_may_be_left_out(rng, center, scale):
    model = alone(nn.BatchNorm(center=center, scale=scale), (3,))
    names = ["gamma"] * scale + ["beta"] * center
    assert list(model.layers[1].weights) == [*names, "moving_mean", "moving_variance"]
    assert [v.name.split("/")[1] for v in model.trainable_variables] == names
    x = samples(rng, 6, 3)
    y = model.forward(x, mode=TRAINING).numpy()
    assert np.abs(y - normalized(x, x.mean(0), x.var(0), 1, 0, 1e-3)).max() < 1e-5


def test_initial_weights():
    model = alone(nn.BatchNorm(gamma_initializer="zeros"), (3,))
    assert [w.tolist() for w in model.get_weights()] == [[0] * 3, [0] * 3, [0] * 3, [1] * 3]


def test_dropout_draws_in_training_only(rng):
    model = alone(nn.Dropout(0.25), (400,))
    x = samples(rng, 10, 400)
    assert np.array_equal(model.predict(x), x)
    mode = nn.Mode(training=True, generator=st.Generator(3))
    y, z = (model.forward(x, mode=mode).numpy() for _ in range(2))
    kept = y != 0
    assert 0.72 < kept.mean() < 0.78 and not np.array_equal(y, z)
    assert np.allclose(y[kept], x[kept] / 0.75)
    again = model.forward(x, mode=nn.Mode(training=True, generator=st.Generator(3))).numpy()
    assert np.array_equal(y, again)


def test_dropout_needs_a_generator():
    model = alone(nn.Dropout(0.5), (4,))
    with pytest.raises(OperandError, match=r"Dropout 'dropout'.*no generator.*Mode"):
        model.forward(np.ones((1, 4)), mode=TRAINING)
    assert alone(nn.Dropout(0.0), (4,)).forward(np.ones((1, 4)), mode=TRAINING).numpy().sum() == 4


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: nn.BatchNorm(momentum=1.5), OperandError, "momentum.*1.5.*0 to 1"),
        (lambda: nn.BatchNorm(epsilon="x"), OperandError, "epsilon"),
        (lambda: nn.BatchNorm(gamma_initializer="one"), UnknownNameError, "did you mean 'ones'"),
        (lambda: nn.BatchNorm()(nn.Input(())), ShapeError, "channels"),
        (lambda: nn.Dropout(1), OperandError, "rate.*below 1"),
        (lambda: nn.Dropout(-0.1), OperandError, "rate.*-0.1"),
    ],
)
def test_refusals(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


@pytest.mark.slow
def test_batch_norm_agrees_with_pytorch(rng):
    torch = pytest.importorskip("torch")
    model = randomized(alone(nn.BatchNorm(momentum=0.9, epsilon=1e-5), (5, 6, 8)), rng)
    other = torch.nn.BatchNorm2d(8, momentum=0.1, eps=1e-5)
    with torch.no_grad():
        parts = (other.weight, other.bias, other.running_mean, other.running_var)
        for target, value in zip(parts, model.get_weights(), strict=True):
            target[:] = torch.from_numpy(value)
    x = samples(rng, 16, 5, 6, 8)
    first = torch.from_numpy(x).movedim(-1, 1)
    with torch.no_grad():
        for training in (False, True):
            other.train(training)
            theirs = other(first).movedim(1, -1).numpy()
            ours = model.forward(x, mode=nn.Mode(training=training)).numpy()
            assert np.abs(ours - theirs).max() < 4e-6
    count = 16 * 5 * 6
    moved = other.running_var.numpy()
    assert np.abs(model.get_weights()[2] - other.running_mean.numpy()).max() < 1e-6
    assert np.abs(model.get_weights()[3] - moved).max() < 0.1 * moved.max() * 2 / count  # theirs is unbiased
