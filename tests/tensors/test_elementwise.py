"""Functions of single elements against NumPy: values, broadcasting, formats, special numbers, refusals."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from spinntensor.errors import NumericWarning, OperandError, RangeError, ShapeError
from spinntensor.formats import Int8, grid, quantize
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors import elementwise as e
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.tensor import Tensor
from spinntensor.tensors.variable import Variable

NAN = np.uint32(0x7FC00000).view(np.float32)
SPECIAL = np.float32([0.0, -0.0, 1, -1, 0.5, 3e38, -3e38, 1e-45, np.inf, -np.inf, np.nan])
EXACT = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide}
SIGNS = {"negative": np.negative, "absolute": np.absolute, "positive": np.positive, "sqrt": np.sqrt}
SMOOTH = {
    "exp": (np.exp, 1),
    "log": (np.log, 1),
    "log2": (np.log2, 2),
    "log10": (np.log10, 2),
    "log1p": (np.log1p, 3),
    "expm1": (np.expm1, 3),
    "tanh": (np.tanh, 1),
    "sigmoid": (lambda x: np.where(x > 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x))), 1),
    "softplus": (lambda x: np.logaddexp(0, x), 3),
    "square": (np.square, 1),
    "reciprocal": (np.reciprocal, 1),
}
pytestmark = pytest.mark.filterwarnings("ignore::spinntensor.errors.NumericWarning")


def quietly(function, *values):
    with np.errstate(all="ignore"):
        return np.asarray(function(*values))


def canonical(x):
    x = np.array(x)
    x[np.isnan(x)] = NAN
    return x


def ulps(got, want):
    """The largest distance from the exact numbers `want` in units of the last place of float32."""
    unit = np.spacing(np.maximum(np.abs(want), np.float64(2.0**-126)).astype(np.float32))
    return float(np.max(np.abs(got.astype(np.float64) - want) / unit, initial=0))


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=40)
@given(
    shapes=mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3),
    seed=st.integers(0, 99),
)
def test_arithmetic_is_numpys_to_the_bit(name, shapes, seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.choice(SPECIAL, s) for s in shapes.input_shapes)
    got = getattr(e, name)(tensor(a), tensor(b)).numpy()
    want = canonical(quietly(EXACT[name], a, b))
    assert got.shape == shapes.result_shape
    assert equal_bits(got, want)
    assert equal_bits(getattr(e, name)(a, tensor(b)).numpy(), want)
    assert equal_bits(getattr(e, name)(tensor(a), b.astype(np.float64)).numpy(), want)


@pytest.mark.parametrize("name", SIGNS)
def test_exact_functions_of_every_kind_of_number(name):
    x = np.concatenate([SPECIAL, np.float32([2.5, -2.5, 3.5, 0.49999997, 8388609.0])])
    want = canonical(quietly(SIGNS[name], x))
    got = getattr(e, name)(tensor(x)).numpy()
    assert np.array_equal(got, want, equal_nan=True)
    assert not np.isnan(got).any() or (got.view(np.uint32)[np.isnan(got)] == 0x7FC00000).all()


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=20)
@given(seed=st.integers(0, 99))
def test_functions_keep_their_bounds(name, seed):
    function, bound = SMOOTH[name]
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal(50) * 10.0 ** rng.integers(-8, 2, 50)).astype(np.float32)
    x = np.abs(x) + np.float32(1e-30) if name.startswith("log") and name != "log1p" else x
    x = np.maximum(x, np.float32(-0.9)) if name == "log1p" else np.clip(x, -80, 80)
    want = quietly(function, x.astype(np.float64))
    assert ulps(getattr(e, name)(x).numpy(), want) <= bound


@pytest.mark.parametrize(("name", "x", "want"), [
    ("log1p", [0.0, -1, -2, np.inf, np.nan], [0, -np.inf, np.nan, np.inf, np.nan]),
    ("expm1", [0.0, -np.inf, -200, np.inf, 200, np.nan], [0, -1, -1, np.inf, np.inf, np.nan]),
    ("softplus", [0.0, -np.inf, np.inf, np.nan, 200], [math.log(2), 0, np.inf, np.nan, 200]),
    ("log2", [1.0, 0, np.inf], [0, -np.inf, np.inf]),
])  # fmt: skip
def test_ends_of_composed_functions(name, x, want):
    got = getattr(e, name)(np.float32(x)).numpy()
    assert np.array_equal(got, np.float32(want), equal_nan=True)


@settings(max_examples=60)
@given(
    a=st.integers(-60, 60),
    b=st.integers(-60, 60).filter(bool),
    kind=st.sampled_from(["int32", "int64", "float32"]),
)
def test_floor_division_and_remainder_are_pythons(a, b, kind):
    x, y = tensor([a], kind), tensor([b], kind)
    assert (e.floor_divide(x, y).item(), e.remainder(x, y).item()) == divmod(a, b)
    assert [v.item() for v in e.divmod(x, b)] == list(divmod(a, b))
    assert [v.item() for v in divmod(a, y)] == list(divmod(a, b))


@settings(max_examples=60)
@given(
    n=st.integers(-9, 9), seed=st.integers(0, 99), spelt=st.sampled_from([int, float, np.int64, np.float32])
)
def test_whole_powers_are_products(n, seed, spelt):
    x = np.random.default_rng(seed).uniform(-3, 3, 7).astype(np.float32)
    got = e.power(x, spelt(n)).numpy()
    assert np.allclose(got, x.astype(np.float64) ** n, rtol=(abs(n) + 2) * 2.0**-24, atol=0)
    whole = np.int32([-3, -1, 2, 4])
    if n >= 0 and spelt is int:
        assert np.array_equal(e.power(whole, n).numpy(), whole**n)
        assert e.power(whole, n).format == "int32"


def test_other_powers():
    x = np.float32([0.5, 2, 9, 0])
    assert equal_bits(e.power(x, 0.5).numpy(), np.sqrt(x))
    assert np.allclose(e.power(x, 1.7).numpy(), x**1.7, rtol=1e-5)
    assert np.allclose(e.power(2, x).numpy(), 2**x, rtol=1e-5)
    assert np.allclose(e.power(tensor(x), tensor([1.0, 2, -2, 3])).numpy(), [0.5, 4, 1 / 81, 0], rtol=1e-5)
    assert np.isnan(e.power(np.float32([-8.0]), 1 / 3).numpy()).all()
    assert np.allclose(e.power(np.int32([2, 3]), -1).numpy(), [1 / 2, 1 / 3])
    assert e.power(np.float32([np.nan, 0]), 0).tolist() == [1, 1]


class TestFormats:
    def test_integers_stay_exact_or_are_refused(self):
        x = tensor(np.int32([2**31 - 1, 5]))
        assert (x - 1).tolist() == [2**31 - 2, 4]
        assert (np.int32([[1], [2]]) * tensor([3, 4])).tolist() == [[3, 4], [6, 8]]
        lowest = -x - 1
        for wrong in (x + 1, x * 2, lowest - 1, -lowest, abs(lowest), x**2):
            with pytest.raises(RangeError):
                wrong.numpy()
        for wrong in (x // 0, x % 0):
            with pytest.raises(OperandError, match="divisor 0"):
                wrong.numpy()
        with pytest.raises(ShapeError, match="2147483648"):
            x + 2**31

    def test_integers_become_float32_where_results_are_no_integers(self):
        x = tensor(np.int32([1, 4, 9]))
        assert (x / 2).tolist() == [0.5, 2, 4.5]
        assert (x / tensor([2, 2, 2])).format == "float32"
        assert (1 / x).format == "float32"
        assert e.sqrt(x).tolist() == [1, 2, 3]
        assert np.allclose(e.exp([0, 1]).numpy(), [1, math.e])
        assert np.allclose(e.tanh(np.uint8([0, 1])).numpy(), np.tanh([0, 1]))

    def test_numbers_take_the_tensors_format(self):
        x = tensor(np.float32([1, 2]))
        for y in (1, 1.0, np.float64(1), np.int64(1), np.float32(1), np.array(1), [1, 1], np.array([1, 1])):
            for z in (x + y, y + x):
                assert type(z) is Tensor
                assert (z.format, z.tolist()) == ("float32", [2, 3])
        assert (tensor([1, 2]) + 1).format == "int32"
        assert (tensor([1, 2]) + np.int64(1)).format == "int32"

    @pytest.mark.parametrize("wrong", [1e39, -1e39, 2**24 + 1, 10**400, "a", None, 1j, [[1], [1, 2]], {}])
    def test_numbers_that_float32_cannot_hold(self, wrong):
        x = tensor(np.float32([1, 2]))
        with pytest.raises(ShapeError, match=r"multiply at test_elementwise.py:\d+: received"):
            e.multiply(x, wrong)

    def test_ends_of_float32(self):
        x = tensor(np.float32([1]))
        assert (x * math.inf).tolist() == [math.inf]
        assert (x * -math.inf).tolist() == [-math.inf]
        assert (x * -math.nan).numpy().view(np.uint32) == 0x7FC00000
        assert (x * 2**127).tolist() == [2.0**127]
        assert (x * 3.4028235677973362e38).numpy() == np.finfo(np.float32).max  # rounds down to it
        with pytest.raises(ShapeError, match="range"):
            x * 3.4028235677973366e38

    def test_formats_are_not_mixed(self):
        x, n = tensor(np.float32([1, 2])), tensor([1, 2])
        with pytest.raises(ShapeError, match=r"\[2\] float32 and \[2\] int32.*one format; convert one"):
            x + n
        with pytest.raises(ShapeError, match="float64"):
            n + 1.5
        with pytest.raises(ShapeError, match="convert it first"):
            tensor([True, False]) + tensor([True, True])
        with pytest.raises(ShapeError):
            x + True

    def test_shapes_that_do_not_fit(self):
        with pytest.raises(ShapeError) as caught:
            e.add(np.zeros((2, 3)), np.zeros((3, 2)))
        assert "axis -2" in str(caught.value) or "axis -1" in str(caught.value)
        assert caught.value.source.startswith("test_elementwise.py:")

    def test_bfp16_is_float32_rounded_once(self, rng):
        x, y = rng.standard_normal((2, 4, 5)).astype(np.float32)
        a, b = e.astype(x, "bfp16"), e.astype(y, "bfp16")
        for got, want in [
            (a + b, a.numpy() + b.numpy()),
            (a * b, a.numpy() * b.numpy()),
            (2 - a, 2 - a.numpy()),
            (a / 3.0, a.numpy() / np.float32(3)),
            (a**2, a.numpy() ** 2),
            (-a, -a.numpy()),
            (e.floor_divide(a, b), np.floor(a.numpy() / b.numpy())),
            (a * y.astype(np.float64), a.numpy() * y),
        ]:
            assert got.format == "bfp16"
            assert equal_bits(got.numpy(), e.astype(want, "bfp16").numpy())
        assert np.allclose(e.softplus(a).numpy(), np.logaddexp(0, a.numpy()), atol=1e-3)
        with pytest.raises(ShapeError, match="one format"):
            a + tensor(y)
        with pytest.raises(ShapeError, match="one format"):
            tensor(y) % a

    def test_quantised_integers_take_no_part(self):
        x = tensor(quantize(np.float32([1, 2]), grid(Int8(), 0.1))[0])
        for function in (
            e.negative,
            e.exp,
            e.sign,
            e.floor,
            lambda v: v + 1,
            lambda v: v * v,
            lambda v: 1 / v,
        ):
            with pytest.raises(ShapeError, match=r"st\.dequantize"):
                function(x)

    def test_astype(self):
        x = tensor(np.float32([1, -2, 0]))
        assert e.astype(x, int).tolist() == [1, -2, 0]
        assert e.astype(x, bool).tolist() == [True, True, False]
        assert e.astype(x, np.float64) is x
        assert e.astype(x, "int64").format == "int64"
        assert e.astype([1, 2], float).format == "float32"
        assert e.astype(e.astype(x, "bfp16"), "float32").tolist() == [1, -2, 0]
        q = tensor(quantize(np.float32([1, 2]), grid(Int8(), 0.5))[0])
        assert (e.astype(q, "float32").format, e.astype(q, "float32").tolist()) == ("float32", [1, 2])
        with pytest.raises(ShapeError, match=r"use st\.quantize"):
            e.astype(q, "int8")
        with pytest.raises(OperandError, match="floor or round"):
            e.astype([1.5], "int32").numpy()
        with pytest.raises(RangeError):
            e.astype([300.0], "uint8").numpy()
        for wrong in ("int4", "complex64", object, None, 3):
            with pytest.raises(ShapeError, match="astype at"):
                e.astype(x, wrong)


@pytest.mark.parametrize(
    "view", ["x[::-1]", "x.T", "x[:, ::2]", "np.broadcast_to(x[:1], (3, 4))", "x[1:1]", "x[0, 0]"]
)
def test_memory_layouts(view, rng):
    x = rng.standard_normal((3, 4)).astype(np.float32)  # noqa: F841  # the views name it
    y = eval(view)
    assert equal_bits((tensor(y) * 2 + 1).numpy(), np.asarray(y * np.float32(2) + np.float32(1)))
    assert np.allclose(e.exp(y).numpy(), np.exp(y))


def test_operands_are_copied_and_results_closed():
    x = np.float32([1, 2])
    y = tensor(x) + 0
    x[:] = 7
    assert y.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        y.numpy()[0] = 3


def test_what_happens_to_numbers_is_told():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        (tensor([3e38]) * 10).numpy()
    assert [w.category for w in told] == [NumericWarning]
    assert "multiply at test_elementwise.py" in str(told[0].message)


def test_what_a_variable_gave_stays():
    v = Variable([1.0, 2])
    n = Variable([1, 2])
    kept = [+v, e.astype(v, "float32"), e.floor(n), e.power(v, 1), n.sum()]
    v.assign([5.0, 5])
    n.assign([7, 7])
    assert [x.tolist() for x in kept] == [[1, 2], [1, 2], [1, 2], [1, 2], 3]
    assert not any(isinstance(x, Variable) for x in kept)
