"""Convolutions of tensors against sums in float64 and in integers: geometry, layouts, groups, formats, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import ShapeError
from spinntensor.formats import Bfp16, Int8, Quantized, grid
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors.convolution import conv1d, conv2d, conv2d_transpose
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.quantization import dequantize, quantize
from spinntensor.tensors.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:.*became 0:spinntensor.errors.NumericWarning")


def numbers(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def correlation(x, w, stride, pads, dilation, groups):
    """[N,H,W,C] with [KH,KW,C/groups,O] in the type of the operands, by loops over the taps."""
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    kh, kw, inner, outputs = w.shape
    oh, ow = ((padded.shape[1 + i] - (w.shape[i] - 1) * dilation[i] - 1) // stride[i] + 1 for i in range(2))
    y = np.zeros((len(x), oh, ow, outputs), np.result_type(x, w))
    each = outputs // groups
    for u, v, g in np.ndindex(kh, kw, groups):
        rows = slice(u * dilation[0], u * dilation[0] + (oh - 1) * stride[0] + 1, stride[0])
        columns = slice(v * dilation[1], v * dilation[1] + (ow - 1) * stride[1] + 1, stride[1])
        field = padded[:, rows, columns, g * inner : (g + 1) * inner]
        y[..., g * each : (g + 1) * each] += field @ w[u, v, :, g * each : (g + 1) * each]
    return y


def same(size, kernel, stride, dilation):
    """Borders for ceil(size / stride) results."""
    wanted = -(-size // stride)
    total = max(0, (wanted - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return total // 2, (total + 1) // 2


@st.composite
def cases(draw):
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    inner, each = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride, dilation = (draw(st.tuples(st.integers(1, 2), st.integers(1, 2))) for _ in range(2))
    size = tuple(draw(st.integers((k - 1) * d + 1, 7)) for k, d in zip(kernel, dilation, strict=True))
    padding = draw(st.sampled_from(["valid", "same", 1, (0, 2), ((1, 0), (0, 2))]))
    x = (draw(st.integers(1, 2)), *size, inner * groups)
    return x, (*kernel, inner, each * groups), stride, dilation, groups, padding


def borders(padding, x, w, stride, dilation):
    if padding == "valid":
        return [(0, 0), (0, 0)]
    if padding == "same":
        return [same(*v) for v in zip(x[1:3], w[:2], stride, dilation, strict=True)]
    pairs = [padding, padding] if isinstance(padding, int) else padding
    return [(p, p) if isinstance(p, int) else p for p in pairs]


@settings(max_examples=60)
@given(case=cases(), seed=st.integers(0, 99), first=st.booleans(), bias=st.booleans())
def test_float32_within_the_bound(case, seed, first, bias):
    """The error of sums in block floating point, docs/numerics.md section 10, and one rounding or two."""
    shape, kernel, stride, dilation, groups, padding = case
    x, w, b = numbers(seed, shape), numbers(seed + 1, kernel), numbers(seed + 2, kernel[-1])
    pads = borders(padding, shape, kernel, stride, dilation)
    want = correlation(x.astype(np.float64), w.astype(np.float64), stride, pads, dilation, groups)
    options = {"stride": stride, "dilation": dilation, "groups": groups, "padding": padding}
    if first:
        got = conv2d(x.transpose(0, 3, 1, 2), w, b if bias else None, data_format="NCHW", **options)
        y = got.numpy().transpose(0, 2, 3, 1)
    else:
        got = conv2d(tensor(x), w, b if bias else None, **options)
        y = got.numpy()
    assert type(got) is Tensor and got.format == "float32" and y.shape == want.shape
    k = np.prod(kernel[:3])
    bound = k * 4 * np.abs(x).max() * np.abs(w).max() * 2.0**-25
    if bias:
        want = want + b
    assert np.abs(y - want).max() <= bound + 2 * np.spacing(np.float32(np.abs(want).max() + np.abs(b).max()))


@settings(max_examples=40)
@given(case=cases(), seed=st.integers(0, 99), form=st.sampled_from(["int8", "uint8"]), plain=st.booleans())
def test_bytes_give_exact_sums(case, seed, form, plain):
    shape, kernel, stride, dilation, groups, padding = case
    rng = np.random.default_rng(seed)
    info = np.iinfo(form)
    x = rng.integers(info.min, info.max + 1, shape).astype(form)
    w = rng.integers(-128, 128, kernel).astype(np.int8)
    zero = 0 if plain else int(rng.integers(info.min, info.max + 1))
    scales = rng.uniform(0.01, 1, kernel[-1])
    images = x if plain else Quantized(grid(Int8(unsigned=form == "uint8"), 0.5, zero), x)
    weights = w if plain else Quantized(grid(Int8(axis=3), scales), w)
    options = {"stride": stride, "dilation": dilation, "groups": groups, "padding": padding}
    got = conv2d(images, tensor(weights), **options)
    pads = borders(padding, shape, kernel, stride, dilation)
    want = correlation(x.astype(np.int64) - zero, w.astype(np.int64), stride, pads, dilation, groups)
    assert got.format == "int32" and np.array_equal(got.value(), want)
    if plain:
        assert got.grid is None
    else:
        assert np.array_equal(got.grid.scale, 0.5 * scales) and not got.grid.zero_point.any()
        assert got.grid.format.axis % 4 == 3


@settings(max_examples=40)
@given(case=cases(), seed=st.integers(0, 99), more=st.integers(0, 1), first=st.booleans())
def test_the_transpose_spreads_weights(case, seed, more, first):
    shape, kernel, stride, dilation, groups, padding = case
    more = min(more, *(s - 1 for s in stride)) if padding != "same" else 0
    x = numbers(seed, (shape[0], 3, 2, kernel[-1]))
    w, b = numbers(seed + 1, kernel), numbers(seed + 2, shape[-1])
    reach = [(k - 1) * d + 1 for k, d in zip(kernel[:2], dilation, strict=True)]
    full = np.zeros(
        (len(x), *((n - 1) * s + r for n, s, r in zip((3, 2), stride, reach, strict=True)), shape[-1])
    )
    outputs, inner = kernel[-1] // groups, kernel[2]
    for i, j, u, v, g in np.ndindex(3, 2, kernel[0], kernel[1], groups):
        place = full[:, i * stride[0] + u * dilation[0], j * stride[1] + v * dilation[1]]
        weights = w[u, v, :, g * outputs : (g + 1) * outputs].astype(float)
        place[:, g * inner : (g + 1) * inner] += x[:, i, j, g * outputs : (g + 1) * outputs] @ weights.T
    if padding == "same":
        size = (3 * stride[0], 2 * stride[1])
        cuts = [same(*v)[0] for v in zip(size, kernel, stride, dilation, strict=False)]
    else:
        pads = borders(padding, shape, kernel, stride, dilation)
        cuts = [p[0] for p in pads]
        size = tuple(n - sum(p) + more for n, p in zip(full.shape[1:3], pads, strict=True))
    if min(size) < 1:
        return
    want = (
        np.pad(full, ((0, 0), (0, 9), (0, 9), (0, 0)))[:, cuts[0] :, cuts[1] :][:, : size[0], : size[1]] + b
    )
    options = {"stride": stride, "dilation": dilation, "groups": groups, "padding": padding}
    given_, name = (x.transpose(0, 3, 1, 2), "NCHW") if first else (x, "NHWC")
    got = conv2d_transpose(given_, w, b, data_format=name, output_padding=more, **options).numpy()
    np.testing.assert_allclose(got.transpose(0, 2, 3, 1) if first else got, want, rtol=1e-5, atol=1e-5)


def test_bfp16_is_the_float32_result_of_its_values_nearly():
    """Operands are cut to 13 bits each; the result is rounded to 16, or once to float32."""
    x, w, b = numbers(0, (2, 5, 5, 4)), numbers(1, (3, 3, 4, 6)), numbers(2, 6)
    x16, w16 = quantize(x, "bfp16"), quantize(w, "bfp16")
    want = correlation(x.astype(float), w.astype(float), (1, 1), [(1, 1)] * 2, (1, 1), 1)
    for options, form in (({}, "bfp16"), ({"format": "float32"}, "float32"), ({"format": "bfp16"}, "bfp16")):
        for bias in (None, b, quantize(b, "bfp16")):
            got = conv2d(x16, w16, bias, padding="same", **options)
            assert got.format == form
            exact = want if bias is None else want + b
            assert np.abs(got.numpy() - exact).max() < 36 * np.abs(x).max() * np.abs(w).max() * 2**-11
    back = conv2d_transpose(quantize(want.astype(np.float32), "bfp16"), w16, b[:4])
    assert back.format == "bfp16" and back.shape == (2, 7, 7, 4)
    by_channel = conv2d(x16, quantize(w, Bfp16(-1)), padding="same")
    assert by_channel.format == "bfp16" and by_channel.shape == (2, 5, 5, 6)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 99), stride=st.integers(1, 2), padding=st.sampled_from(["valid", "same", 2, [(0, 1)]])
)
def test_sequences_are_images_of_one_row(seed, stride, padding):
    x, w = numbers(seed, (2, 6, 4)), numbers(seed, (3, 2, 6))
    options = {"stride": stride, "groups": 2}
    got = conv1d(x, w, padding=padding, **options)
    both = (
        [(0, 0), padding[0]]
        if isinstance(padding, list)
        else padding
        if isinstance(padding, str)
        else (0, padding)
    )
    want = conv2d(x[:, None], w[None], padding=both, **options).numpy()[:, 0]
    assert equal_bits(got.numpy(), want)
    turned = conv1d(x.transpose(0, 2, 1), w, padding=padding, data_format="NCW", **options)
    assert equal_bits(np.ascontiguousarray(turned.numpy().transpose(0, 2, 1)), want)


def test_sequences_in_other_formats():
    x, w = numbers(0, (2, 6, 4)), numbers(1, (3, 4, 5))
    x8, w8 = quantize(x, "uint8"), quantize(w, Int8(True, -1))
    sums = conv1d(x8, w8, padding="same")
    want = conv1d(dequantize(x8), dequantize(w8), padding="same").numpy()
    np.testing.assert_allclose(sums.numpy(), want, rtol=1e-5, atol=1e-5)
    assert sums.grid.scale.shape == (5,)
    first = conv1d(quantize(x.transpose(0, 2, 1).copy(), x8.grid), w8, padding="same", data_format="NCW")
    assert first.grid.format.axis == 1
    assert np.array_equal(first.value(), sums.value().transpose(0, 2, 1))
    assert conv1d(quantize(x, "bfp16"), quantize(w, Bfp16(-1))).format == "bfp16"


X, W = np.zeros((1, 4, 4, 2), np.float32), np.zeros((3, 3, 2, 4), np.float32)
X8, W8 = quantize(X, grid(Int8(), 1.0)), quantize(W, grid(Int8(True), 1.0))


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: conv2d(X[0], W), "received shape (4, 4, 2), expected 4 axes: N, H, W, C"),
        (lambda: conv1d(X, W[0], data_format="NCW"), "expected 3 axes: N, C, W"),
        (lambda: conv2d_transpose(X8, W8), "received [1,4,4,2] int8, expected float32 or bfp16"),
        (lambda: conv2d_transpose(X, W, output_padding=1), "less than the stride, and 0 with padding 'same'"),
        (lambda: conv2d(X, W[0]), "weights of shape (3, 2, 4)"),
        (lambda: conv2d(X, W, data_format="CHWN"), "expected 'NHWC' or 'NCHW'"),
        (lambda: conv2d(X, W, stride=0), "received stride 0, expected an integer from 1 on, or 2 of them"),
        (lambda: conv2d(X, W, dilation=(1, 2, 3)), "received dilation (1, 2, 3)"),
        (lambda: conv2d(X, W, padding="full"), "received padding 'full', expected 'valid', 'same'"),
        (lambda: conv2d(X, W, padding=-1), "received padding -1"),
        (lambda: conv2d(X, W, padding=((1, 1),)), "received padding ((1, 1),)"),
        (lambda: conv2d(X, W, groups=2), "in 2 groups"),
        (lambda: conv2d(X, W, format="bfp16"), "'bfp16' or 'float32', for bfp16 operands"),
        (lambda: conv2d(X, W, X[0, 0]), "received bias [4,2] float32, expected [4] float32"),
        (lambda: conv2d(X8, W8, np.zeros(4, np.float32)), "give it to st.quantize(sums, grid, bias=bias)"),
        (
            lambda: conv2d(tensor(X), W8),
            "both float32, both bfp16, or int8 or uint8 images with int8 weights",
        ),
        (
            lambda: conv2d(X8, tensor(W)),
            "both float32, both bfp16, or int8 or uint8 images with int8 weights",
        ),
        (lambda: conv2d(X8, np.zeros(W.shape, np.int8)), "beside [1,4,4,2] int8"),
        (lambda: conv2d(X8, tensor(np.zeros(W.shape, np.int8))), "st.quantize the other one as well"),
        (lambda: conv2d(X8, quantize(W, grid(Int8(), 1.0, 3))), "symmetric weights, zero point 0"),
        (lambda: conv2d(X8, quantize(W, grid(Int8(axis=2), [1, 2]))), "quantize them with axis=-1"),
        (
            lambda: conv2d(quantize(X, grid(Int8(axis=3), [1, 2])), W8),
            "a scale for each channel is for weights",
        ),
        (lambda: conv2d(tensor(np.zeros(X.shape, np.int32)), W8), "convert one of them"),
        (
            lambda: conv2d(quantize(X, grid(Int8(), 2.0**-100)), quantize(W, grid(Int8(), 2.0**-100))),
            "coarser grids",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ShapeError) as caught:
        call()
    assert message in str(caught.value)
    assert "test_convolution.py:" in str(caught.value)
