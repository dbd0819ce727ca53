"""Normalisations and softmax against float64, group by group, in both formats; refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import ShapeError
from spinntensor.formats import Int8, grid
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors.normalization import batch_norm, layer_norm, log_softmax, softmax
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.quantization import quantize
from spinntensor.tensors.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:.*became 0:spinntensor.errors.NumericWarning")
EPS = 1e-5


def numbers(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def parameters(seed, channels):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.5, 2, channels).astype(np.float32) for _ in range(4)]


def normal(x, axes, eps=EPS):
    """(x - mean) / sqrt(var + eps) in float64, and its mean and variance."""
    x = x.astype(np.float64)
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps), mean, var


@settings(max_examples=40)
@given(
    images=st.integers(1, 9),
    group=st.integers(1, 10),
    inner=st.sampled_from([(), (3,), (2, 3)]),
    axis=st.integers(-1, 1),
    seed=st.integers(0, 99),
)
def test_training_normalises_group_by_group(images, group, inner, axis, seed):
    axis = axis or -1
    x = numbers(seed, (images, *inner, 4)) * 3 + 1
    channels = x.shape[axis]
    scale, offset, _, _ = parameters(seed, channels)
    y, mean, var = batch_norm(x, scale, offset, group=group, axis=axis)
    assert type(y) is Tensor and y.shape == x.shape and mean.shape == var.shape == (channels,)
    along = [1] * x.ndim
    along[axis] = channels
    axes = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    want, means, variances, sizes = [], [], [], []
    for first in range(0, images, group):
        part = x[first : first + group]
        alone = batch_norm(part, scale, offset, group=group, axis=axis).value.numpy()
        assert equal_bits(y.numpy()[first : first + group], alone)  # a group knows nothing of the others
        normed, m, v = normal(part, axes)
        want.append(normed * scale.reshape(along) + offset.reshape(along))
        means.append(m.reshape(-1))
        variances.append(v.reshape(-1))
        sizes.append(len(part))
    # the mean's error, up to 1e-6, is divided by the deviation: where a group has a few equal elements, by sqrt(eps)
    deviation = np.sqrt(np.min(variances) + EPS)
    np.testing.assert_allclose(y.numpy(), np.concatenate(want), rtol=1e-5, atol=1e-5 + 1e-5 / deviation)
    np.testing.assert_allclose(mean.numpy(), np.average(means, 0, sizes), rtol=1e-6, atol=2e-6)
    np.testing.assert_allclose(var.numpy(), np.average(variances, 0, sizes), rtol=1e-5, atol=1e-5)


def test_inference_is_the_formula():
    x = numbers(0, (5, 2, 3))
    scale, offset, mean, var = parameters(1, 3)
    factor = scale / np.sqrt(var + np.float32(EPS))
    want = (x - mean) * factor + offset
    assert equal_bits(batch_norm(x, scale, offset, mean, var).numpy(), want)
    turned = batch_norm(x.transpose(0, 2, 1), scale, offset, mean, var, axis=1).numpy()
    assert equal_bits(np.ascontiguousarray(turned.transpose(0, 2, 1)), want)


def test_bfp16_is_rounded_once():
    x = quantize(numbers(0, (6, 3)), "bfp16")
    scale, offset, mean, var = parameters(1, 3)
    real = tensor(x.numpy())
    for got, want in (
        (batch_norm(x, scale, offset, mean, var), batch_norm(real, scale, offset, mean, var)),
        (batch_norm(x, scale, offset).value, batch_norm(real, scale, offset).value),
        (layer_norm(x, scale, offset), layer_norm(real, scale, offset)),
        (softmax(x, 0), softmax(real, 0)),
        (log_softmax(x), log_softmax(real)),
    ):
        assert got.format == "bfp16"
        assert equal_bits(got.numpy(), quantize(want, "bfp16").numpy())
    assert batch_norm(x, scale, offset).mean.format == "float32"


@settings(max_examples=30)
@given(
    axis=st.sampled_from([-1, 0, 1, (1, 2), (0, 1, 2), (0, 2)]),
    seed=st.integers(0, 99),
    scaled=st.booleans(),
    shifted=st.booleans(),
)
def test_layer_norm(axis, seed, scaled, shifted):
    x = numbers(seed, (3, 4, 5)) * 2 + 1
    axes = tuple(sorted(i % 3 for i in (axis if isinstance(axis, tuple) else (axis,))))
    sizes = tuple(x.shape[i] for i in axes)
    along = tuple(s if i in axes else 1 for i, s in enumerate(x.shape))
    scale, offset, _, _ = parameters(seed, sizes)
    got = layer_norm(x, scale if scaled else None, offset if shifted else None, axis=axis)
    want, _, var = normal(x, axes)
    want = want * scale.reshape(along) if scaled else want
    want = want + offset.reshape(along) if shifted else want
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-5 / np.sqrt(var.min()))


@settings(max_examples=30)
@given(axis=st.integers(-3, 2), seed=st.integers(0, 99), size=st.sampled_from([0.1, 1, 30]))
def test_softmax_along_any_axis(axis, seed, size):
    """Each exponential is within 0.53 ulp of that of a rounded distance, each of 3 sums and the quotient within 1/2."""
    x = numbers(seed, (3, 4, 5)) * np.float32(size)
    d = x.astype(float) - x.max(axis, keepdims=True)
    total = np.exp(d).sum(axis, keepdims=True)
    slack = 2.0**-23 * (3 + np.abs(d).max())
    np.testing.assert_allclose(softmax(x, axis).numpy(), np.exp(d) / total, rtol=slack, atol=1e-37)
    np.testing.assert_allclose(
        log_softmax(tensor(x), axis).numpy(), d - np.log(total), atol=slack, rtol=slack
    )


@pytest.mark.parametrize("axis", [-1, 0])
def test_softmax_of_bytes(axis):
    x = quantize(numbers(0, (6, 7)) * 3, "int8")
    got = softmax(x, axis)
    assert got.format == "uint8" and got.grid.scale == 1 / 256 and got.grid.zero_point == 0
    e = np.exp(x.numpy().astype(float))
    assert np.abs(got.numpy() - e / e.sum(axis, keepdims=True)).max() < 1 / 256


X, S = np.zeros((4, 3), np.float32), np.ones(3, np.float32)


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: batch_norm(X, S, S, S), "received one of mean and var"),
        (lambda: batch_norm(X, S, S, axis=0), "an axis of channels behind that of the images"),
        (lambda: batch_norm(X, S, S, axis=2), "received axis 2"),
        (lambda: batch_norm(X, S, S[:2]), "received offset [2] float32, expected [3] float32"),
        (lambda: batch_norm(X, S, S, S, np.ones((3, 1))), "received var [3,1] float32"),
        (lambda: batch_norm(X, S, S, group=0), "received group 0"),
        (lambda: batch_norm(X[:0], S, S), "leave out empty batches"),
        (lambda: batch_norm(X.astype(np.int32), S, S), "use st.dequantize or astype first"),
        (lambda: layer_norm(X, axis=()), "at least one element to normalise"),
        (lambda: layer_norm(X, S, axis=0), "received scale [3] float32, expected [4] float32"),
        (lambda: softmax(X, 2), "received axis 2"),
        (lambda: softmax(quantize(X, grid(Int8(axis=0), [1, 2, 3, 4]))), "one scale and zero point"),
        (lambda: log_softmax(quantize(X, grid(Int8(), 1))), "use st.dequantize or astype first"),
        (lambda: softmax(np.float32(1)), "the tensor has no axes"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ShapeError) as caught:
        call()
    assert message in str(caught.value)
    assert "test_normalization.py:" in str(caught.value)
