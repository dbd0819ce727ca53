"""Quantised tensors against exact fractions: the semantics of ONNX Q/DQ, multipliers, saturation, refusals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor import formats
from spinntensor.errors import NumericWarning, OperandError, ShapeError, TraceError
from spinntensor.formats import Bfp16, Int8, Int32, Quantized, bfp16_grid, grid
from spinntensor.kernels.kernel import equal_bits
from spinntensor.kernels.quantize import multiplier
from spinntensor.tensors.compiled import compile
from spinntensor.tensors.convolution import conv2d
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.quantization import add_q, calibrate, dequantize, quantize
from spinntensor.tensors.random import Generator
from spinntensor.tensors.report import counting
from spinntensor.tensors.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:.*became 0:spinntensor.errors.NumericWarning")
RANGES = {"int8": (-128, 127), "uint8": (0, 255)}
OUT = st.sampled_from(["int8", "uint8"])


def bytes_grid(form, scale, zero):
    return grid(Int8(unsigned=form == "uint8"), scale, zero)


def clamp(value, low, high):
    return min(max(value, low), high)


def numbers(seed, shape, size=1.0):
    return (np.random.default_rng(seed).standard_normal(shape) * size).astype(np.float32)


@pytest.mark.filterwarnings("ignore::spinntensor.errors.NumericWarning")
@settings(max_examples=40)
@given(
    form=st.sampled_from(
        [Int8(), Int8(unsigned=True), Int8(symmetric=True), Int8(axis=-1), Int32(), Int32(1)]
    ),
    seed=st.integers(0, 999),
)
def test_quantize_and_back_are_those_of_formats(form, seed):
    x = numbers(seed, (3, 4))
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.001, 0.1, () if form.axis is None else 4)
    zero = 0 if isinstance(form, Int32) or form.symmetric else int(rng.integers(0, 100))
    g = grid(form, scale, zero)
    want, loss = formats.quantize(x, g)
    with counting() as counts:
        got = quantize(tensor(x), g)
        assert np.array_equal(got.value(), want.data)
    assert counts["saturated"] == loss.saturated and counts["lost"] == loss.lost
    assert got.grid is g and got.format == str(want.data.dtype)
    assert equal_bits(dequantize(got).numpy(), formats.dequantize(want))


@settings(max_examples=60)
@given(
    form=OUT,
    seed=st.integers(0, 9999),
    relu=st.booleans(),
    bits=st.integers(2, 24),
    exponent=st.integers(-24, 2),
    axis=st.sampled_from([None, -1]),
)
@pytest.mark.filterwarnings("ignore::spinntensor.errors.NumericWarning")
def test_requantize_is_the_formula_and_rounds_as_onnx_does(form, seed, relu, bits, exponent, axis):
    rng = np.random.default_rng(seed)
    sums = rng.integers(-(1 << bits), 1 << bits, (2, 5)).astype(np.int32)
    bias = rng.integers(-(1 << bits) // 2, (1 << bits) // 2, 5).astype(np.int32)
    have = grid(Int32(axis), rng.uniform(0.5, 1, () if axis is None else 5) * 2.0**exponent)
    zero = int(rng.integers(*RANGES[form]))
    want = bytes_grid(form, rng.uniform(0.5, 1), zero)
    got = quantize(Quantized(have, sums), want, bias=Quantized(have, bias), relu=relu)
    assert got.format == form and got.grid is want
    low, high = RANGES[form]
    low = max(low, zero) if relu else low
    for (i, j), y in np.ndenumerate(got.value()):
        scale = have.scale if axis is None else have.scale[j]
        m, p = multiplier(float(scale / want.scale))
        total = int(sums[i, j]) + int(bias[j])
        assert y == clamp(zero + round(Fraction(total * m << p, 1 << 32)), low, high)
        real = Fraction(total) * Fraction(float(scale)) / Fraction(float(want.scale))
        if abs(real % 1 - Fraction(1, 2)) > Fraction(2) ** (bits + 1 + p - 32):
            assert y == clamp(zero + round(real), low, high)


@settings(max_examples=30)
@given(forms=st.tuples(OUT, OUT), seed=st.integers(0, 999), relu=st.booleans())
@pytest.mark.filterwarnings("ignore::spinntensor.errors.NumericWarning")
def test_bytes_on_another_grid(forms, seed, relu):
    rng = np.random.default_rng(seed)
    zeros = [int(rng.integers(*RANGES[f])) for f in forms]
    old, new = (bytes_grid(f, rng.uniform(0.01, 0.1), z) for f, z in zip(forms, zeros, strict=True))
    info = np.iinfo(forms[0])
    q = rng.integers(info.min, info.max + 1, (4, 3)).astype(forms[0])
    got = quantize(Quantized(old, q), new, relu=relu).value()
    m, p = multiplier(float(old.scale / new.scale))
    low, high = RANGES[forms[1]]
    for at, y in np.ndenumerate(got):
        exact = round(Fraction((int(q[at]) - zeros[0]) * m << p, 1 << 32))
        assert y == clamp(zeros[1] + exact, max(low, zeros[1]) if relu else low, high)


def test_a_tensor_on_its_grid_stays_as_it_is():
    x = quantize(numbers(0, (2, 3)), "int8")
    assert quantize(x, grid(Int8(), x.grid.scale, x.grid.zero_point)).node is x.node
    assert quantize(x, x.grid, relu=True).node is not x.node
    with pytest.raises(ShapeError, match="a grid of int8 or uint8"):
        quantize(SUMS, SUMS.grid, bias=[0.5, 1.0])


def test_scalars_and_empty_tensors():
    want = grid(Int8(), 0.5, 3)
    one = quantize(Quantized(grid(Int32(), 0.25), np.array(10, np.int32)), want)
    assert one.shape == () and one.value() == 3 + 5 - 0
    none = quantize(Quantized(grid(Int32(), 0.25), np.zeros((0, 4), np.int32)), want)
    assert none.shape == (0, 4) and none.format == "int8" and none.numpy().shape == (0, 4)
    assert quantize(tensor(np.zeros((2, 0), np.float32)), want).value().shape == (2, 0)


def onnx_conv(x, zx, w, bias, scale):
    """QLinearConv with real scales before it rounds, as fractions: exact sums times sx sw / sy, by channel."""
    kh, kw, _, outputs = w.shape
    padded = np.pad(x.astype(int) - zx, ((0, 0), (kh // 2, kh // 2), (kw // 2, kw // 2), (0, 0)))
    y = np.empty((*x.shape[:3], outputs), object)
    for n, i, j, o in np.ndindex(y.shape):
        field = padded[n, i : i + kh, j : j + kw]
        y[n, i, j, o] = (int((field * w[..., o].astype(int)).sum()) + int(bias[o])) * scale[o]
    return y


@settings(max_examples=15)
@given(forms=st.tuples(OUT, OUT), seed=st.integers(0, 999), relu=st.booleans())
@pytest.mark.filterwarnings("ignore::spinntensor.errors.NumericWarning")
def test_a_convolution_in_int8_is_that_of_onnx(forms, seed, relu):
    """float32 in, float32 out; in between bytes, whose bits are those of QuantizeLinear around real arithmetic."""
    rng = np.random.default_rng(seed)
    x, w, bias = numbers(seed, (2, 4, 3, 5)), numbers(seed + 1, (3, 3, 5, 4)), numbers(seed + 2, 4)
    gx = calibrate(x, forms[0])
    gy = bytes_grid(forms[1], 0.05, int(rng.integers(*RANGES[forms[1]])))
    x8, w8 = quantize(x, gx), quantize(w, Int8(symmetric=True, axis=-1))
    sums = conv2d(x8, w8, padding="same")
    assert sums.format == "int32" and sums.grid.format == Int32(-1)
    b32 = quantize(bias, sums.grid)
    y8 = quantize(sums, gy, bias=b32, relu=relu)
    zero, (low, high) = int(gy.zero_point), RANGES[forms[1]]
    scale = [
        Fraction(float(gx.scale)) * Fraction(float(s)) / Fraction(float(gy.scale)) for s in w8.grid.scale
    ]
    low = max(low, zero) if relu else low
    got = y8.value()
    for at, real in np.ndenumerate(onnx_conv(x8.value(), int(gx.zero_point), w8.value(), b32.value(), scale)):
        if abs(real % 1 - Fraction(1, 2)) > Fraction(
            1, 1 << 14
        ):  # beyond what a multiplier of 31 bits can move
            assert got[at] == clamp(zero + round(real), low, high)
    assert equal_bits(dequantize(y8).numpy(), ((got.astype(int) - zero) * float(gy.scale)).astype(np.float32))
    assert np.array_equal(quantize(sums, gy, bias=bias, relu=relu).value(), got)


def test_a_bias_beside_channels_that_come_first():
    x, w = quantize(numbers(0, (1, 3, 4, 4)), "uint8"), quantize(numbers(1, (1, 1, 3, 5)), Int8(True, -1))
    sums = conv2d(x, w, data_format="NCHW")
    bias = numbers(2, 5)
    assert sums.grid.format.axis == 1
    y = quantize(sums, grid(Int8(), 0.1), bias=quantize(bias, sums.grid)).numpy()
    np.testing.assert_allclose(y, np.clip(sums.numpy() + bias[:, None, None], -12.8, 12.7), atol=0.051)


@settings(max_examples=40)
@given(form=OUT, seed=st.integers(0, 999), relu=st.booleans())
@pytest.mark.filterwarnings("ignore::spinntensor.errors.NumericWarning")
def test_add_q(form, seed, relu):
    rng = np.random.default_rng(seed)
    info = np.iinfo(form)
    grids = [bytes_grid(form, rng.uniform(0.02, 0.05), int(rng.integers(*RANGES[form]))) for _ in range(3)]
    q = [rng.integers(info.min, info.max + 1, s).astype(form) for s in ((2, 3), (3,))]
    x, y = (tensor(Quantized(g, v)) for g, v in zip(grids[:2], q, strict=True))
    got = add_q(x, y, grids[2], relu=relu)
    assert got.grid is grids[2]
    zero, (low, high) = int(grids[2].zero_point), RANGES[form]
    low = max(low, zero) if relu else low
    for (i, j), value in np.ndenumerate(got.value()):
        parts = [int(q[0][i, j]) - int(grids[0].zero_point), int(q[1][j]) - int(grids[1].zero_point)]
        ratios = [round(Fraction(float(g.scale / grids[2].scale)) * (1 << 20)) for g in grids[:2]]
        exact = sum(p * r for p, r in zip(parts, ratios, strict=True))
        assert value == clamp(zero + round(Fraction(exact, 1 << 20)), low, high)
        real = sum(p * Fraction(float(g.scale)) for p, g in zip(parts, grids, strict=False))
        assert abs(clamp(zero + real / Fraction(float(grids[2].scale)), low, high) - int(value)) < Fraction(
            501, 1000
        )


def test_bfp16_by_itself_to_a_grid_and_back():
    x = numbers(0, (4, 3), 10)
    for target in ("bfp16", Bfp16(), Bfp16(-1)):
        q = quantize(x, target)
        axis = target.axis if isinstance(target, Bfp16) else None
        assert q.format == ("bfp16" if axis is None else "bfp16(axis=1)")
        want, _ = formats.quantize(x, formats.min_max(Bfp16(axis), formats.observe(x, None, axis)))
        assert np.array_equal(q.value().data, want.data)
        assert equal_bits(dequantize(q).numpy(), formats.dequantize(want))
    fixed = quantize(x, bfp16_grid(-8))
    assert np.array_equal(fixed.value().data, np.rint(x.astype(np.float64) * 256))
    bytes_ = quantize(fixed, "int8")
    assert np.abs(bytes_.numpy() - x).max() <= bytes_.grid.scale / 2 + 2**-9
    assert quantize(x, calibrate(x, "bfp16")).format == "bfp16"


@pytest.mark.filterwarnings("ignore::spinntensor.errors.NumericWarning")
def test_stochastic_rounding_draws_from_a_generator():
    x = np.full(4000, 0.3, np.float32)
    g = grid(Int8(), 1.0)
    generator = Generator(5)
    first, second = (quantize(x, g, rounding=generator).value() for _ in range(2))
    assert set(np.unique(first)) == {0, 1} and abs(first.mean() - 0.3) < 0.03
    assert not np.array_equal(first, second)
    assert np.array_equal(quantize(x, g, rounding=Generator(5)).value(), first)
    want, _ = formats.quantize(x, g, formats.Stochastic(5, 0))
    assert np.array_equal(first, want.data)
    for target in ("bfp16", bfp16_grid(-3)):
        mantissas = quantize(x, target, rounding=Generator(1)).value().data
        assert np.ptp(mantissas) == 1


def test_calibrate():
    batches = [numbers(i, (5, 3)) for i in range(4)]
    whole = np.concatenate(batches)
    for method, choose in (
        ("minmax", formats.min_max),
        ("percentile", formats.percentile),
        ("mse", formats.mean_square_error),
    ):
        for form in (Int8(), Int8(unsigned=True), Int8(symmetric=True, axis=-1), Bfp16()):
            want = choose(form, formats.observe(whole, None, form.axis))
            got = calibrate((tensor(b) for b in batches), form, method)
            assert np.array_equal(got.scale, want.scale) and np.array_equal(got.zero_point, want.zero_point)
    assert calibrate(whole, "int8").format == Int8()
    assert calibrate(batches, "uint8", "percentile", percent=90).scale < calibrate(batches, "uint8").scale
    eight = quantize(whole, "int8")
    assert calibrate(eight, "int8").scale == pytest.approx(float(eight.grid.scale), rel=1e-2)


def test_a_format_alone_asks_for_the_value():
    x = numbers(3, (3, 5))
    assert np.abs(quantize(x, "int8").numpy() - x).max() <= np.ptp(x) / 255
    with pytest.raises(TraceError, match="while a function is traced"):
        compile(lambda v: quantize(v, "int8"))(tensor(x))
    g = calibrate(x, "int8")
    compiled = compile(lambda v: dequantize(quantize(v, g)))
    assert equal_bits(compiled(tensor(x)).numpy(), quantize(x, g).numpy())


@pytest.mark.filterwarnings("ignore::spinntensor.errors.NumericWarning")
def test_a_compiled_pipeline_has_the_bits_of_the_lazy_one():
    w8, gx, gy = quantize(numbers(1, (3, 3, 2, 4)), Int8(True, -1)), grid(Int8(), 0.02, 3), grid(Int8(), 0.1)

    def net(x):
        sums = conv2d(quantize(x, gx), w8, padding="same")
        y = quantize(sums, gy, bias=[0.1, 0.2, 0.3, 0.4], relu=True)
        return dequantize(add_q(y, y, gy))

    run = compile(net)
    for seed in (2, 3):
        x = tensor(numbers(seed, (1, 4, 4, 2)))
        assert equal_bits(run(x).numpy(), net(x).numpy())


def test_saturation_is_told():
    sums = Quantized(grid(Int32(), 1.0), np.int32([[-300, 0, 300]]))
    with pytest.warns(
        NumericWarning, match=r"requantize at test_quantization.py:\d+: 2 elements were clamped"
    ):
        quantize(sums, grid(Int8(), 1.0)).numpy()
    with counting() as counts:  # a ReLU is no saturation
        quantize(sums, grid(Int8(), 1.0), relu=True).numpy()
        quantize(np.float32([1e9]), grid(Int8(), 1.0)).numpy()
    assert counts["saturated"] == 2


SUMS = Quantized(grid(Int32(-1), [0.1, 0.2]), np.zeros((3, 2), np.int32))
BYTES = Quantized(grid(Int8(), 0.1), np.zeros((3, 2), np.int8))
X = np.zeros((3, 2), np.float32)
TO = grid(Int8(), 0.1)


@pytest.mark.parametrize(
    "call,message",
    [
        (
            lambda: quantize([1, 2], TO),
            "received plain [2] int32, expected float32, bfp16 or integers with a grid",
        ),
        (
            lambda: quantize(X, "float32"),
            "received 'float32', expected a Grid, 'int8', 'uint8', 'int32', 'bfp16'",
        ),
        (lambda: quantize(X, grid(formats.Float32())), "received a grid of Float32"),
        (lambda: quantize(X, TO, bias=X[0]), "received bias with [3,2] float32"),
        (lambda: quantize(X, TO, relu=True), "use st.add or st.relu before"),
        (lambda: quantize(X, grid(Int8(axis=0), [1, 2])), "a grid with 2 scales from 1 to 2 on axis 0"),
        (lambda: quantize(X, grid(Int8(axis=2), [1, 2])), "received axis 2, expected an axis from -2 to 1"),
        (lambda: quantize(SUMS, "int8"), "make one with st.calibrate"),
        (lambda: quantize(SUMS, bfp16_grid(0)), "st.dequantize sums for other formats"),
        (lambda: quantize(SUMS, TO, rounding=Generator(0)), "stochastic rounding is for float32"),
        (lambda: quantize(SUMS, TO, bias=tensor([1, 2])), "received bias [2] int32 with no grid"),
        (lambda: quantize(SUMS, TO, bias=X[0, :1]), "[1] float32 for a grid with 2 scales"),
        (
            lambda: quantize(SUMS, TO, bias=quantize(X[0], grid(Int32(), 1.0))),
            "with 2 scales from 0.1 to 0.2 on axis -1",
        ),
        (lambda: quantize(BYTES, TO, bias=X[0]), "use st.add_q"),
        (lambda: quantize(SUMS, grid(Int8(), 1e-30)), "0 < scale < 2**29 for the quotient"),
        (lambda: dequantize([1, 2]), "received [2] int32, expected bfp16, or integers with a grid"),
        (lambda: add_q(BYTES, SUMS, TO), "quantised tensors of int8 as the target"),
        (lambda: add_q(BYTES, BYTES, "int8"), "received target 'int8', expected a Grid"),
        (lambda: add_q(BYTES, BYTES, grid(Int8(), 0.001)), "|ratio| < 4"),
        (lambda: calibrate([], "int8"), "received no batches"),
        (lambda: calibrate(X, "int8", "median"), "received method 'median'"),
        (lambda: quantize(X[:0], "int8"), "at least one element to choose a grid by"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ShapeError) as caught:
        call()
    assert message in str(caught.value)
    assert "test_quantization.py:" in str(caught.value)


def test_values_that_no_grid_takes():
    with pytest.raises(OperandError, match="non-finite"):
        quantize(np.float32([np.nan]), TO).numpy()
    with pytest.raises(OperandError, match="non-finite"):
        calibrate(np.float32([np.inf]))


def test_results_are_tensors():
    assert type(quantize(X, TO)) is Tensor and type(dequantize(BYTES)) is Tensor
