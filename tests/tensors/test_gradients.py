"""Gradients of the functions users call: against central differences, and against PyTorch in the slow tests."""

import numpy as np
import pytest

import spinntensor as st

RNG = np.random.default_rng(7)


def spread(*shape):
    """Numbers with gaps between them, so that a small step crosses no kink and no tie."""
    values = np.arange(1, np.prod(shape, dtype=int) + 1) * 0.13 - 0.7
    return RNG.permutation(values + 0.013).reshape(shape).astype(np.float32)


X, W, V = spread(3, 4), spread(4, 2), spread(3, 4)
POSITIVE = np.abs(X) + np.float32(0.3)
IMAGES, KERNEL = spread(2, 5, 5, 2) / 4, spread(3, 3, 2, 3) / 4
LABELS = np.array([1, 0, 3])
CASES = {
    "arithmetic": (lambda x, y: (x + y) * x - x / (y * y + 1), X, V),
    "broadcast": (lambda x, y: x * y[0] + y[:, :1], X, V),
    "matmul": (lambda x, w: x @ w, X, W),
    "einsum": (lambda x, w: st.einsum("ij,jk->ki", x, w), X, W),
    "tensordot": (lambda x, y: st.tensordot(x, y, 2), X, V),
    "outer": (lambda x, y: st.outer(x, y), X[0], V[1]),
    "power": (lambda x: x**3 + x**2.0, X),
    "real power": (lambda x, y: x**y, POSITIVE, V),
    "sqrt": (lambda x: st.sqrt(x) + st.reciprocal(x), POSITIVE),
    "exponentials": (lambda x: st.exp(x) + st.expm1(x) + st.softplus(x), X),
    "logarithms": (lambda x: st.log(x) + st.log1p(x) + st.log2(x), POSITIVE),
    "tanh": (lambda x: st.tanh(x) * st.sigmoid(x), X),
    "relu": (lambda x: st.relu(x) + st.leaky_relu(x, 0.1) + st.abs(x), X),
    "extremes": (lambda x, y: st.maximum(x, y) + st.minimum(x, 2 * y) + st.clip(x, -0.3, 0.4), X, V),
    "where": (lambda x, y: st.where(x > y, x * x, y), X, V),
    "sums": (lambda x: st.sum(x * x, axis=0) + st.mean(x) + st.cumsum(x, axis=1)[1], X),
    "max": (lambda x: st.max(x, axis=1) * st.min(x, axis=1) + st.max(x), X),
    "prod": (lambda x: st.prod(x, axis=1), X),
    "var": (lambda x: st.var(x, axis=0) + st.std(x, axis=0) + st.norm(x, axis=0), X),
    "logsumexp": (lambda x: st.logsumexp(x, axis=1), X),
    "moves": (lambda x: st.pad(st.concatenate([x.T, st.roll(x, 1, axis=0).T]), 1)[1:, ::2] * 2, X),
    "indexing": (lambda x: x[[0, 2, 2], 1:] * x[1, None, -3:], X),
    "take": (lambda x: st.take(x, [[1, 1], [0, 3]], axis=1) ** 2, X),
    "repeat": (lambda x: st.repeat(st.tile(x, (2, 1)), 2, axis=1) ** 2, X),
    "conv2d": (lambda x, w: st.conv2d(x, w, padding="same"), IMAGES, KERNEL),
    "strided conv2d": (lambda x, w: st.conv2d(x, w, stride=2, padding=1), IMAGES, KERNEL),
    "dilated conv2d": (lambda x, w: st.conv2d(x, w, dilation=2), IMAGES, KERNEL),
    "grouped conv2d": (lambda x, w: st.conv2d(x, w[:, :, :1, :2], groups=2), IMAGES, KERNEL),
    "conv1d": (lambda x, w: st.conv1d(x[:, 0], w[0], padding="same"), IMAGES, KERNEL),
    "max_pool2d": (lambda x: st.max_pool2d(x, 2) + st.max_pool2d(x, 2) ** 2, IMAGES),
    "avg_pool2d": (lambda x: st.avg_pool2d(x, 3, stride=1, padding="same") ** 2, IMAGES),
    "global_avg_pool2d": (lambda x: st.global_avg_pool2d(x) ** 2, IMAGES),
    "batch_norm": (lambda x, s: st.batch_norm(x, s[0], s[1], group=1).value ** 3, IMAGES, X[:2, :2]),
    "layer_norm": (lambda x, s: st.layer_norm(x, s[0], s[1]) ** 3, X, V[:2]),
    "softmax": (lambda x: st.softmax(x, axis=0) ** 2 + st.log_softmax(x), X),
    "cross_entropy": (lambda x: st.cross_entropy(x, LABELS, label_smoothing=0.1), X),
    "losses": (lambda x, y: st.mse_loss(x, y) + st.mae_loss(x, y), X, V),
    "binary": (lambda x: st.binary_cross_entropy(x, (V > 0).astype(np.float32)), X),
}


def loss(function):
    """A scalar that weighs every element of the result differently."""

    def scalar(*operands):
        y = function(*operands)
        weights = np.cos(np.arange(y.size, dtype=np.float32)).reshape(y.shape)
        return st.sum(y * weights)

    return scalar


@pytest.mark.parametrize("name", CASES)
def test_central_differences(name):
    function, *operands = CASES[name]
    scalar = st.compile(loss(function))
    slopes = st.grad(loss(function), argnums=tuple(range(len(operands))))(*operands)
    rng = np.random.default_rng(1)
    for at, (operand, slope) in enumerate(zip(operands, slopes, strict=True)):
        step = np.float32(2**-8)
        for flat in rng.permutation(operand.size)[:6]:
            ends = []
            for sign in (1, -1):
                moved = operand.copy()
                moved.flat[flat] += sign * step
                ends.append(float(scalar(*operands[:at], moved, *operands[at + 1 :])))
            want = (ends[0] - ends[1]) / (2 * step)
            scale = max(1.0, float(np.abs(slope.numpy()).max()))
            assert slope.numpy().flat[flat] == pytest.approx(want, rel=2e-2, abs=1e-2 * scale), (at, flat)


@pytest.mark.parametrize("name", ["matmul", "conv2d", "tanh", "softmax", "var", "max_pool2d", "indexing"])
def test_second_derivatives(name):
    """d/dt of the gradient along a direction, against differences of the gradient."""
    function, *operands = CASES[name]
    square = lambda *o: loss(function)(*o) ** 2 * 0.5  # noqa: E731
    direction = np.cos(np.arange(operands[0].size, dtype=np.float32)).reshape(operands[0].shape) / 4

    def along(*o):
        return st.sum(st.grad(square)(*o) * direction)

    slope = float(st.sum(st.grad(along)(*operands) * direction))
    step = 2.0**-6
    ends = [
        float(along((operands[0] + s * step * direction).astype(np.float32), *operands[1:])) for s in (1, -1)
    ]
    want = (ends[0] - ends[1]) / (2 * step)
    assert slope == pytest.approx(want, rel=5e-2, abs=5e-2 * max(1.0, abs(want)))


TORCH = {
    "arithmetic": lambda t, x, y: (x + y) * x - x / (y * y + 1),
    "matmul": lambda t, x, w: x @ w,
    "einsum": lambda t, x, w: t.einsum("ij,jk->ki", x, w),
    "power": lambda t, x: x**3 + x**2.0,
    "real power": lambda t, x, y: x**y,
    "sqrt": lambda t, x: t.sqrt(x) + t.reciprocal(x),
    "exponentials": lambda t, x: t.exp(x) + t.expm1(x) + t.nn.functional.softplus(x),
    "logarithms": lambda t, x: t.log(x) + t.log1p(x) + t.log2(x),
    "tanh": lambda t, x: t.tanh(x) * t.sigmoid(x),
    "relu": lambda t, x: t.relu(x) + t.nn.functional.leaky_relu(x, 0.1) + t.abs(x),
    "extremes": lambda t, x, y: t.maximum(x, y) + t.minimum(x, 2 * y) + t.clip(x, -0.3, 0.4),
    "where": lambda t, x, y: t.where(x > y, x * x, y),
    "sums": lambda t, x: t.sum(x * x, 0) + t.mean(x) + t.cumsum(x, 1)[1],
    "max": lambda t, x: t.amax(x, 1) * t.amin(x, 1) + t.max(x),
    "prod": lambda t, x: t.prod(x, 1),
    "var": lambda t, x: t.var(x, 0, correction=0) + t.std(x, 0, correction=0) + t.norm(x, dim=0),
    "logsumexp": lambda t, x: t.logsumexp(x, 1),
    "indexing": lambda t, x: x[[0, 2, 2], 1:] * x[1, None, -3:],
    "conv2d": lambda t, x, w: conv(t, x, w, padding=1),
    "strided conv2d": lambda t, x, w: conv(t, x, w, stride=2, padding=1),
    "dilated conv2d": lambda t, x, w: conv(t, x, w, dilation=2),
    "grouped conv2d": lambda t, x, w: conv(t, x, w[:, :, :1, :2], groups=2),
    "softmax": lambda t, x: t.softmax(x, 0) ** 2 + t.log_softmax(x, -1),
    "cross_entropy": lambda t, x: t.nn.functional.cross_entropy(x, t.tensor(LABELS), label_smoothing=0.1),
    "losses": lambda t, x, y: t.nn.functional.mse_loss(x, y) + t.nn.functional.l1_loss(x, y),
    "layer_norm": lambda t, x, s: t.nn.functional.layer_norm(x, (4,), s[0], s[1]) ** 3,
    "max_pool2d": lambda t, x: pool(t, x) + pool(t, x) ** 2,
}


def conv(t, x, w, **geometry):
    """NHWC and HWIO, as here, on PyTorch's NCHW."""
    y = t.nn.functional.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), **geometry)
    return y.permute(0, 2, 3, 1)


def pool(t, x):
    return t.nn.functional.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCH)
def test_pytorch(name):
    torch = pytest.importorskip("torch")
    function, *operands = CASES[name]
    value, slopes = st.value_and_grad(loss(function), argnums=tuple(range(len(operands))))(*operands)
    leaves = [torch.tensor(o.astype(np.float64), requires_grad=True) for o in operands]
    y = TORCH[name](torch, *leaves)
    weights = torch.tensor(np.cos(np.arange(y.numel(), dtype=np.float32)).reshape(y.shape).astype(np.float64))
    total = torch.sum(y * weights)
    total.backward()
    assert float(value) == pytest.approx(float(total.detach()), rel=1e-5, abs=1e-5)
    for slope, x in zip(slopes, leaves, strict=True):
        want = x.grad.numpy()
        np.testing.assert_allclose(slope.numpy(), want, rtol=1e-4, atol=1e-5 * max(1.0, np.abs(want).max()))
