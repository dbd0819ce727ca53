"""Losses against float64, their slopes by the graph's own gradients, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import OperandError, ShapeError
from spinntensor.tensors.compiled import compile
from spinntensor.tensors.differentiate import grad
from spinntensor.tensors.losses import binary_cross_entropy, cross_entropy, mae_loss, mse_loss
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.quantization import quantize
from spinntensor.tensors.tensor import Tensor

REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def numbers(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def log_softmax(x, axis):
    d = x.astype(np.float64) - x.max(axis, keepdims=True)
    return d - np.log(np.exp(d).sum(axis, keepdims=True))


@settings(max_examples=60)
@given(
    axis=st.integers(-3, 2),
    seed=st.integers(0, 99),
    reduction=st.sampled_from(list(REDUCTIONS)),
    smoothing=st.sampled_from([0, 0.1, 1]),
    labels=st.sampled_from(["int64", "int32", "uint8", "list", "probabilities"]),
)
def test_cross_entropy(axis, seed, reduction, smoothing, labels):
    x = numbers(seed, (3, 4, 5)) * 3
    classes = x.shape[axis]
    there = tuple(np.delete(x.shape, axis))
    chosen = np.random.default_rng(seed).integers(0, classes, there)
    p = np.moveaxis(np.eye(classes)[chosen], -1, axis)
    if labels == "probabilities":
        p = np.random.default_rng(seed).dirichlet(np.ones(classes), there)
        p = np.moveaxis(p, -1, axis)
        wanted = p.astype(np.float32)
    else:
        wanted = chosen.tolist() if labels == "list" else tensor(chosen, labels)
    got = cross_entropy(x, wanted, axis=axis, reduction=reduction, label_smoothing=smoothing)
    logs = log_softmax(x, axis)
    want = REDUCTIONS[reduction](-(((1 - smoothing) * p + smoothing / classes) * logs).sum(axis))
    assert type(got) is Tensor and got.shape == np.shape(want) and got.format == "float32"
    np.testing.assert_allclose(got.numpy(), want, rtol=2e-6, atol=2e-6)


def test_a_class_that_is_ruled_out_costs_nothing_unless_it_is_asked_for():
    x = np.float32([[0, -np.inf, 1], [0, 1, -np.inf]])
    got = cross_entropy(x, [0, 2], reduction="none").numpy()
    assert got[0] == pytest.approx(np.log(1 + np.e), rel=1e-6) and got[1] == np.inf


def test_slopes_of_cross_entropy():
    x, labels = numbers(0, (6, 5)), np.array([0, 1, 2, 3, 4, 4])
    slope = grad(lambda z: cross_entropy(z, labels))(tensor(x)).numpy()
    want = (np.exp(log_softmax(x, 1)) - np.eye(5)[labels]) / 6
    np.testing.assert_allclose(slope, want, atol=1e-7, rtol=1e-5)
    smoothed = grad(lambda z: cross_entropy(z, labels, label_smoothing=0.2))(tensor(x)).numpy()
    want = (np.exp(log_softmax(x, 1)) - (0.8 * np.eye(5)[labels] + 0.04)) / 6
    np.testing.assert_allclose(smoothed, want, atol=2e-7, rtol=1e-5)


def test_labels_that_are_no_class():
    x = tensor(numbers(0, (3, 4)))
    for labels in ([0, 1, 4], [-1, 0, 1]):
        with pytest.raises(ShapeError, match="expected classes from 0 to 3"):
            cross_entropy(x, labels)
        with pytest.raises(OperandError, match="indices from 0 to 3"):
            compile(cross_entropy)(x, tensor(labels)).numpy()


@settings(max_examples=30)
@given(seed=st.integers(0, 99), reduction=st.sampled_from(list(REDUCTIONS)))
def test_distances(seed, reduction):
    x, y = numbers(seed, (3, 7)), numbers(seed + 1, (3, 7))
    d = x.astype(np.float64) - y
    for function, want in ((mse_loss, d**2), (mae_loss, np.abs(d))):
        want = REDUCTIONS[reduction](want)
        np.testing.assert_allclose(function(x, tensor(y), reduction=reduction).numpy(), want, rtol=1e-6)
    assert grad(lambda v: mae_loss(v, y))(tensor(y)).numpy().tolist() == np.zeros((3, 7)).tolist()


@settings(max_examples=40)
@given(seed=st.integers(0, 99), size=st.sampled_from([0.01, 1, 30, 1e4]), soft=st.booleans())
def test_binary_cross_entropy(seed, size, soft):
    rng = np.random.default_rng(seed)
    z = numbers(seed, 40) * np.float32(size)
    z[:2] = 0
    t = (rng.random(40) if soft else rng.integers(0, 2, 40)).astype(np.float32)
    want = np.logaddexp(0, z.astype(np.float64)) - z.astype(np.float64) * t
    got = binary_cross_entropy(z, t, reduction="none").numpy()
    slack = 2.0**-23 + 2.0**-23 * want + (soft * 2.0**-23 * np.abs(z))
    assert (np.abs(got - want) <= slack).all()
    slope = grad(lambda v: binary_cross_entropy(v, t, reduction="sum"))(tensor(z)).numpy()
    np.testing.assert_allclose(slope, np.exp(-np.logaddexp(0, -z.astype(np.float64))) - t, atol=3e-7)
    mean = binary_cross_entropy(tensor(z), t).numpy()
    assert mean == pytest.approx(want.mean(), rel=1e-5, abs=1e-6)


def test_bfp16_counts_by_its_exact_values():
    x = quantize(numbers(0, (4, 3)), "bfp16")
    real = tensor(x.numpy())
    for function, target in (
        (cross_entropy, [0, 1, 2, 0]),
        (mse_loss, numbers(1, (4, 3))),
        (mae_loss, quantize(numbers(2, (4, 3)), "bfp16")),
        (binary_cross_entropy, np.ones((4, 3), np.float32)),
    ):
        assert function(x, target).format == "float32"
        assert function(x, target).numpy() == function(real, target).numpy()


X = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: cross_entropy(X, [0]), "expected integers of shape (2,), or float32 of shape (2, 3)"),
        (lambda: cross_entropy(X, X[0]), "received labels [3] float32 for logits [2,3] float32"),
        (lambda: cross_entropy(X, np.array([True, False])), "received labels [2] bool"),
        (lambda: cross_entropy(X, [0, 1], reduction="all"), "received reduction 'all'"),
        (lambda: cross_entropy(X, [0, 1], label_smoothing=2), "received label_smoothing 2"),
        (lambda: cross_entropy(X[:0], np.zeros(0, np.int64)), "use reduction='sum'"),
        (lambda: cross_entropy(X.astype(np.int32), [0, 1]), "use st.dequantize or astype first"),
        (lambda: mse_loss(X, X[0]), "received [2,3] float32 and [3] float32, expected equal shapes"),
        (lambda: mae_loss(tensor(X), 1.0), "expected equal shapes"),
        (lambda: binary_cross_entropy(X, tensor([[1, 0, 1]] * 2)), "[2,3] int32"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ShapeError) as caught:
        call()
    assert message in str(caught.value)
    assert "test_losses.py:" in str(caught.value)


@pytest.mark.slow
def test_values_and_slopes_of_torch():
    torch = pytest.importorskip("torch")
    x, labels = numbers(0, (8, 5)), np.arange(8) % 5
    t = torch.tensor(x, requires_grad=True)
    theirs = torch.nn.functional.cross_entropy(t, torch.tensor(labels), label_smoothing=0.1)
    theirs.backward()
    ours = cross_entropy(x, labels, label_smoothing=0.1).numpy()
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-6)
    slope = grad(lambda z: cross_entropy(z, labels, label_smoothing=0.1))(tensor(x)).numpy()
    np.testing.assert_allclose(slope, t.grad.numpy(), atol=1e-7)
