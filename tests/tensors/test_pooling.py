"""Pooling of tensors against NumPy on padded images: maxima, means with and without the border, formats, refusals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import ShapeError
from spinntensor.formats import Int8, Int32, Quantized, grid
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors import pooling as p
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.quantization import quantize
from spinntensor.tensors.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:.*became 0:spinntensor.errors.NumericWarning")


def numbers(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def windows(x, window, stride, pads):
    """[N, OH, OW, C, window elements] in float64; border elements are NaN."""
    padded = np.pad(x.astype(np.float64), ((0, 0), *pads, (0, 0)), constant_values=np.nan)
    seen = np.lib.stride_tricks.sliding_window_view(padded, window, (1, 2))[:, :: stride[0], :: stride[1]]
    return seen.reshape(*seen.shape[:4], window[0] * window[1])


@st.composite
def cases(draw):
    window = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = draw(st.one_of(st.none(), st.tuples(st.integers(1, 3), st.integers(1, 3))))
    size = tuple(draw(st.integers(k, 7)) for k in window)
    pads = tuple((draw(st.integers(0, k - 1)), draw(st.integers(0, k - 1))) for k in window)
    return (draw(st.integers(0, 2)), *size, draw(st.integers(1, 3))), window, stride, pads


@settings(max_examples=40)
@given(case=cases(), seed=st.integers(0, 99), first=st.booleans(), form=st.sampled_from(["float32", "bfp16"]))
def test_maxima(case, seed, first, form):
    shape, window, stride, pads = case
    x = numbers(seed, shape)
    if form == "bfp16" and x.size:
        x = np.round(x * 64) / 64  # numbers that bfp16 holds
    given_ = tensor(x.transpose(0, 3, 1, 2) if first else x)
    if form == "bfp16":
        given_ = quantize(given_, "bfp16")
    got = p.max_pool2d(given_, window, stride=stride, padding=pads, data_format="NCHW" if first else "NHWC")
    want = np.nanmax(windows(x, window, stride or window, pads), -1)
    assert type(got) is Tensor and got.format == form
    assert np.array_equal(got.numpy().transpose(0, 2, 3, 1) if first else got.numpy(), want)


@settings(max_examples=40)
@given(case=cases(), seed=st.integers(0, 99), count=st.booleans(), form=st.sampled_from(["float32", "bfp16"]))
def test_means(case, seed, count, form):
    shape, window, stride, pads = case
    x = numbers(seed, shape)
    given_ = tensor(x) if form == "float32" else quantize(x, "bfp16")
    got = p.avg_pool2d(given_, window, stride=stride, padding=pads, count_include_pad=count)
    seen = windows(given_.numpy(), window, stride or window, pads)
    want = np.mean(np.nan_to_num(seen), -1) if count else np.nanmean(seen, -1)
    # every sum of a tree of up to 9 elements, and the quotient, is rounded once
    bound = 5 * 2.0**-24 * np.nanmax(np.abs(seen), -1, initial=0)
    bound += 0 if form == "float32" else 2.0**-15 * np.abs(want).max(initial=0)
    assert got.format == form and (np.abs(got.numpy() - want) <= bound).all()


@settings(max_examples=40)
@given(case=cases(), seed=st.integers(0, 99), count=st.booleans(), form=st.sampled_from(["int8", "uint8"]))
def test_bytes(case, seed, count, form):
    shape, window, stride, pads = case
    rng = np.random.default_rng(seed)
    info = np.iinfo(form)
    q = rng.integers(info.min, info.max + 1, shape).astype(form)
    zero = int(rng.integers(info.min, info.max + 1))
    g = grid(Int8(unsigned=form == "uint8"), 0.1, zero)
    x = tensor(Quantized(g, q))
    largest = p.max_pool2d(x, window, stride=stride, padding=pads)
    seen = windows(q, window, stride or window, pads)
    assert largest.grid is g and np.array_equal(largest.value(), np.nanmax(seen, -1))
    mean = p.avg_pool2d(x, window, stride=stride, padding=pads, count_include_pad=count)
    assert mean.grid is g and mean.format == form and mean.shape == seen.shape[:-1]
    for at, y in np.ndenumerate(mean.value()):
        inside = [int(v) for v in seen[at] if not np.isnan(v)]
        total = sum(inside) + (len(seen[at]) - len(inside)) * zero * count
        assert y == round(Fraction(total, len(seen[at]) if count else len(inside)))


@settings(max_examples=20)
@given(seed=st.integers(0, 99), padding=st.sampled_from(["valid", "same", 1]), stride=st.integers(1, 3))
def test_sequences(seed, padding, stride):
    x = numbers(seed, (2, 7, 3))
    size = 2 if padding == 1 else 3
    both = (0, 1) if padding == 1 else padding
    for one, two in ((p.max_pool1d, p.max_pool2d), (p.avg_pool1d, p.avg_pool2d)):
        want = two(x[:, None], (1, size), stride=(1, stride), padding=both).numpy()[:, 0]
        assert equal_bits(one(x, size, stride=stride, padding=padding).numpy(), want)
        turned = one(x.transpose(0, 2, 1), size, stride=stride, padding=padding, data_format="NCW").numpy()
        assert equal_bits(np.ascontiguousarray(turned.transpose(0, 2, 1)), want)


def test_same_padding_gives_a_result_for_every_stride():
    x = numbers(0, (1, 7, 8, 2))
    assert p.max_pool2d(x, 3, stride=2, padding="same").shape == (1, 4, 4, 2)
    assert p.avg_pool2d(np.ones_like(x), 3, stride=2, padding="same").numpy().min() == 1


@pytest.mark.parametrize("first", [False, True])
def test_whole_images(first):
    x = numbers(1, (3, 5, 4, 2))
    given_, name = (x.transpose(0, 3, 1, 2), "NCHW") if first else (x, "NHWC")
    mean = p.global_avg_pool2d(given_, data_format=name)
    np.testing.assert_allclose(mean.numpy(), x.astype(float).mean((1, 2)), atol=1e-6)
    assert np.array_equal(p.global_max_pool2d(given_, data_format=name).numpy(), x.max((1, 2)))
    kept = (3, 2, 1, 1) if first else (3, 1, 1, 2)
    assert p.global_avg_pool2d(given_, keepdims=True, data_format=name).shape == kept
    eight = quantize(given_, "int8")
    q = eight.value().astype(int)
    mean8 = p.global_avg_pool2d(eight, data_format=name)
    assert mean8.grid is eight.grid
    assert np.array_equal(mean8.value(), np.rint(q.mean((2, 3) if first else (1, 2))))


def test_sums_keep_the_scales_of_their_channels():
    g = grid(Int32(-1), [0.5, 2.0])
    x = Quantized(g, np.arange(32, dtype=np.int32).reshape(1, 4, 4, 2))
    assert np.array_equal(p.max_pool2d(x, 4).numpy(), [[[[15.0, 62.0]]]])


X = np.zeros((1, 4, 4, 2), np.float32)


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: p.max_pool2d(X[0], 2), "received shape (4, 4, 2), expected 4 axes: N, H, W, C"),
        (lambda: p.max_pool2d(X, 0), "received window 0, expected an integer from 1 on"),
        (lambda: p.max_pool2d(X, 2, stride=(1, 0)), "received stride (1, 0)"),
        (lambda: p.max_pool2d(X, 2, padding=2), "each less than the window (2, 2)"),
        (lambda: p.max_pool2d(X, 5), "shrink the window"),
        (lambda: p.avg_pool1d(X, 2), "expected 3 axes: N, W, C"),
        (lambda: p.avg_pool2d(X.astype(np.int32), 2), "float32, bfp16, int8 or uint8"),
        (lambda: p.avg_pool2d(quantize(X, grid(Int8(axis=3), [1, 2])), 2), "one scale and zero point"),
        (lambda: p.max_pool2d(quantize(X, grid(Int8(axis=1), [1, 2, 3, 4])), 2), "or one for each channel"),
        (lambda: p.global_max_pool2d(X[:, :0]), "images of at least one pixel"),
        (lambda: p.global_max_pool2d(X, data_format="NCWH"), "received data_format 'NCWH'"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ShapeError) as caught:
        call()
    assert message in str(caught.value)
    assert "test_pooling.py:" in str(caught.value)
