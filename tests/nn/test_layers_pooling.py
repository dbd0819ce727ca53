"""Pooling against float64 and PyTorch; borders, shapes and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as draw
from nn_reference import alone, bordered, fields, same, samples

from spinntensor import nn
from spinntensor.errors import ShapeError

KINDS = {
    ("max", 1): nn.MaxPool1D,
    ("max", 2): nn.MaxPool2D,
    ("mean", 1): nn.AveragePool1D,
    ("mean", 2): nn.AveragePool2D,
}


@given(draw.data())
def test_pooling_is_that_of_float64(data):
    what, rank = data.draw(draw.sampled_from(list(KINDS)))
    sizes = tuple(data.draw(draw.integers(4, 8)) for _ in range(rank))
    window = tuple(data.draw(draw.integers(1, 4)) for _ in range(rank))
    strides = data.draw(draw.one_of(draw.none(), draw.tuples(*[draw.integers(1, 3)] * rank)))
    padding = data.draw(draw.sampled_from(["valid", "same", tuple((0, k - 1) for k in window)]))
    more = {"count_include_pad": True} if what == "mean" and data.draw(draw.booleans()) else {}
    model = alone(KINDS[what, rank](window, strides, padding, **more), (*sizes, 3))
    x = samples(np.random.default_rng(sum(sizes)), 2, *sizes, 3)
    steps = strides or window
    rims = {
        "valid": [(0, 0)] * rank,
        "same": [same(*axis) for axis in zip(sizes, window, steps, strict=True)],
    }
    rim = rims.get(padding, padding)
    axes = tuple(range(1 + rank, 1 + 2 * rank))
    if what == "max":
        wanted = fields(bordered(x, rim, -np.inf), window, steps).max(axes)
        assert np.array_equal(model.predict(x), wanted)
        return
    ones = np.ones_like(x) if not more else None
    sums = fields(bordered(x, rim), window, steps).sum(axes)
    counts = np.prod(window) if ones is None else fields(bordered(ones, rim), window, steps).sum(axes)
    y = model.predict(x)
    assert y.shape == sums.shape == (2, *model.outputs[0].shape)
    magnitude = fields(bordered(np.abs(x), rim), window, steps).sum(axes) / counts
    assert np.all(np.abs(y - sums / counts) <= 4e-7 * magnitude)


@pytest.mark.parametrize("shape", [(7, 3), (5, 6, 3)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_the_mean_of_everything(rng, shape, keepdims):
    model = alone(nn.GlobalAveragePool(keepdims), shape)
    x = samples(rng, 4, *shape)
    axes = tuple(range(1, len(shape)))
    wanted = x.astype(np.float64).mean(axes, keepdims=keepdims)
    y = model.predict(x)
    assert y.shape == wanted.shape == (4, *model.outputs[0].shape)
    assert np.abs(y - wanted).max() < 3e-7


def test_nan_is_kept_by_the_maximum():
    x = np.zeros((1, 4, 1), np.float32)
    x[0, 1] = np.nan
    assert np.array_equal(alone(nn.MaxPool1D(), (4, 1)).predict(x)[0, :, 0], [np.nan, 0], equal_nan=True)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.MaxPool2D(0), "MaxPool2D 'max_pool2d'.*pool_size 0"),
        (lambda: nn.MaxPool2D(2, padding=2), r"padding 2, expected less than the window \(2, 2\)"),
        (lambda: nn.AveragePool1D(3)(nn.Input((2, 5))), r"shape \(2, 5\), expected at least 3 after"),
        (
            lambda: nn.AveragePool1D(3)(nn.Input((2, 2, 5))),
            r"shape \(2, 2, 5\), expected \(width, channels\)",
        ),
        (lambda: nn.GlobalAveragePool(name="g")(nn.Input((5,))), "GlobalAveragePool 'g'.*or"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(ShapeError, match=words):
        make()


@pytest.mark.slow
@pytest.mark.parametrize("rank", [1, 2])
def test_pooling_agrees_with_pytorch(rng, rank):
    torch = pytest.importorskip("torch")
    sizes = (13, 11)[:rank]
    x = samples(rng, 4, *sizes, 8)
    first = torch.from_numpy(x).movedim(-1, 1)
    for window, stride, padding in ((2, None, 0), (3, 2, 1), (3, 1, 1), (4, 3, 2)):
        names = ("MaxPool1d", "AvgPool1d") if rank == 1 else ("MaxPool2d", "AvgPool2d")
        largest, mean = [
            getattr(torch.nn, n)(window, stride, padding)(first).movedim(1, -1).numpy() for n in names
        ]
        model = alone(KINDS["max", rank](window, stride, padding), (*sizes, 8))
        assert np.array_equal(model.predict(x), largest)
        model = alone(KINDS["mean", rank](window, stride, padding, count_include_pad=True), (*sizes, 8))
        assert np.abs(model.predict(x) - mean).max() < 1e-6
    model = alone(nn.GlobalAveragePool(), (*sizes, 8))
    assert np.abs(model.predict(x) - first.mean(tuple(range(2, 2 + rank))).numpy()).max() < 1e-6
