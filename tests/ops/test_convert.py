"""Conversions between formats: against fractions, against `spinntensor.formats`, counts, refusals, gradients."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.errors import GraphError, OperandError, RangeError, ShapeError
from spinntensor.formats import (
    Bfp16,
    Int8,
    Int32,
    Quantized,
    Stochastic,
    dequantize,
    grid,
    min_max,
    observe,
    quantize,
    random_words,
)
from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine.host import execute, prepare
from spinntensor.ops import DTYPES, GRADIENTS, OPERATIONS, RULES

ENDS = {"int8": (-128, 127), "uint8": (0, 255), "int32": (-(2**31), 2**31 - 1)}
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
SHAPES = st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple)


def form_of(x):
    if isinstance(x, Quantized):
        return "bfp16" if x.format.axis is None else f"bfp16(axis={x.format.axis})"
    return x.dtype.name


def run(op, *operands, **attributes):
    """Result and counts of one operation in a graph."""
    b = Builder(RULES)
    ids = [b.input(f"x{i}", TensorType(x.shape, form_of(x))) for i, x in enumerate(operands)]
    node = b.add(op, *ids, **attributes)
    done = execute(prepare(verify(b.graph((node,)), RULES)), dict(zip(ids, operands, strict=True)))
    (value,) = done.outputs
    assert TensorType(value.shape, form_of(value)) == b[node].type
    return value, done.counts.get(node, {})


def rule(op, kind, *more, **attributes):
    b = Builder(RULES)
    return b.add(op, b.input("x", kind), *(b.input("y", k) for k in more), **attributes)


def expected(x, scale, zero, ends):
    """clamp(zero + round(x / scale)) in fractions, and the counts."""
    out, saturated, lost = [], 0, 0
    for value, s, z in zip(x, scale, zero, strict=True):
        q = round(Fraction(float(value)) / Fraction(s))
        y = min(max(q + z, ends[0]), ends[1])
        saturated += y != q + z
        lost += y == q + z and q == 0 and value != 0
        out.append(y)
    return out, {name: n for name, n in (("saturated", saturated), ("lost", lost)) if n}


@st.composite
def gridded(draw):
    """A format, a tensor with elements at and near ties, and one scale and zero for each index of an axis or all."""
    form = draw(st.sampled_from(list(ENDS)))
    symmetric = form == "int8" and draw(st.booleans())
    shape = draw(SHAPES)
    axis = draw(st.sampled_from([None, *range(len(shape))]))
    count = 1 if axis is None else shape[axis]
    scales = st.sampled_from([0.1, 1.0, 2.0**-7, 3.0, 1e-3, 1 / 3, 2.0**-126])
    scale = tuple(draw(scales) for _ in range(count))
    fixed = symmetric or form == "int32"
    zero = tuple(0 if fixed else draw(st.integers(*ENDS[form])) for _ in range(count))
    x = np.array([draw(st.one_of(FLOATS, st.integers(-600, 600))) for _ in range(np.prod(shape, dtype=int))])
    halves = x / 2 * (scale[0] if count and draw(st.booleans()) else 1)
    x = halves.astype(np.float32).reshape(shape)
    ends = (-127, 127) if symmetric else ENDS[form]
    return form, x, {"scale": scale, "zero": zero, "axis": axis, "symmetric": symmetric}, ends


def spread(values, shape, axis):
    """One constant for every element, flat."""
    where = np.broadcast_to(0, shape) if axis is None else np.indices(shape)[axis]
    return [values[i] for i in where.reshape(-1)]


@given(gridded())
def test_quantize_is_the_nearest_integer_of_the_exact_quotient(case):
    form, x, a, ends = case
    got, counts = run("quantize", x, format=form, **a)
    scale, zero = (spread(a[name], x.shape, a["axis"]) for name in ("scale", "zero"))
    want, lost = expected(x.reshape(-1), scale, zero, ends)
    assert got.reshape(-1).tolist() == want and counts == lost


@given(gridded())
def test_dequantize_rounds_the_exact_product_once(case):
    form, x, a, _ = case
    rng = np.random.default_rng(x.size)
    q = rng.integers(*ENDS[form], x.shape, DTYPES[form], endpoint=True)
    got, counts = run("dequantize", q, **{name: a[name] for name in ("scale", "zero", "axis")})
    scale, zero = (spread(a[name], x.shape, a["axis"]) for name in ("scale", "zero"))
    for value, y, s, z in zip(q.reshape(-1).tolist(), got.reshape(-1), scale, zero, strict=True):
        exact = (value - z) * Fraction(s)
        around = [np.nextafter(y, np.float32(d)) for d in (-np.inf, np.inf)]
        error = abs(Fraction(float(y)) - exact)
        for other in around:
            rival = abs(Fraction(float(other)) - exact)
            assert error < rival or (error == rival and not y.view(np.uint32) & 1)
    assert not counts


def nonzero(loss):
    return {name: n for name, n in vars(loss).items() if n}


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
@pytest.mark.parametrize("view", ["plain", "strided", "repeated"])
def test_large_tensors_agree_with_the_formats(axis, view, rng):
    """The fast loops and `spinntensor.formats` give the same integers and counts, whatever the memory layout."""
    x = (rng.standard_normal((6, 40, 31)) * 3).astype(np.float32)
    x = {"plain": x, "strided": x[::2, ::-1, 3:], "repeated": np.broadcast_to(x[:1, :, :1], x.shape)}[view]
    count = 1 if axis is None else x.shape[axis]
    scale, zero = rng.uniform(0.01, 0.05, count), rng.integers(-20, 20, count)
    constants = {"scale": tuple(scale.tolist()), "zero": tuple(zero.tolist()), "axis": axis}
    g = grid(Int8(axis=axis), scale if axis is not None else scale[0], zero if axis is not None else zero[0])
    value, loss = quantize(np.ascontiguousarray(x), g)
    got, counts = run("quantize", x, format="int8", **constants)
    assert equal_bits(got, value.data) and counts == nonzero(loss)
    assert equal_bits(run("dequantize", got, **constants)[0], dequantize(value))
    best = min_max(Bfp16(axis), observe(np.ascontiguousarray(x), axis=axis))
    value, loss = quantize(np.ascontiguousarray(x), best)
    got, counts = run("quantize_bfp16", x, axis=axis)
    assert equal_bits(got.data, value.data) and equal_bits(got.exponent, value.exponent)
    assert counts == nonzero(loss) and not loss.saturated
    assert equal_bits(run("dequantize", got)[0], dequantize(value))


@given(st.lists(FLOATS, min_size=1, max_size=6), st.integers(-125, 97))
def test_bfp16_mantissas_are_nearest_integers(values, e):
    x = np.float32(values)
    got, counts = run("quantize_bfp16_to", x, exponent=(e,))
    want, lost = expected(x, [Fraction(2) ** e] * x.size, [0] * x.size, (-32768, 32767))
    assert got.data.tolist() == want and counts == lost and got.exponent == e
    back, none = run("dequantize", got)
    assert back.tolist() == [q * 2.0**e for q in want] and not none and not np.signbit(back[back == 0]).any()


@given(st.lists(FLOATS, min_size=1, max_size=6))
def test_bfp16_takes_the_smallest_exponent_that_clamps_nothing(values):
    x = np.float32(values)
    (got, counts), top = run("quantize_bfp16", x), max(abs(Fraction(float(v))) for v in x)
    fits = [e for e in range(-125, 98) if round(top / Fraction(2) ** e) <= 32767]
    assert got.exponent == (fits[0] if fits else 97)
    assert counts.get("saturated", 0) == 0 or not fits


@pytest.mark.parametrize("shape", [(150_001,), (4, 30_001), (70_001, 2), (37, 3, 41, 40)])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_threads_share_the_work(shape, axis, rng, monkeypatch):
    """Tensors that are split give what a whole one gives, counts too."""
    monkeypatch.setenv("SPINNTENSOR_THREADS", "3")
    x = (rng.standard_normal(shape) * 3).astype(np.float32)
    axis = None if axis is None or x.shape[axis] > 1000 else axis % x.ndim
    count = 1 if axis is None else x.shape[axis]
    scale, zero = rng.uniform(0.01, 0.05, count), np.zeros(count, np.int32)
    value, loss = quantize(x, grid(Int8(axis=axis), *((scale[0], 0) if axis is None else (scale, zero))))
    constants = {"scale": tuple(scale.tolist()), "zero": tuple(zero.tolist()), "axis": axis}
    got, counts = run("quantize", x, format="int8", **constants)
    assert equal_bits(got, value.data) and counts == nonzero(loss)
    assert equal_bits(run("dequantize", got, **constants)[0], dequantize(value))
    value, loss = quantize(x, min_max(Bfp16(axis), observe(x, axis=axis)))
    got, counts = run("quantize_bfp16", x, axis=axis)
    assert equal_bits(got.data, value.data) and equal_bits(got.exponent, value.exponent)
    assert counts == nonzero(loss) and equal_bits(run("dequantize", got)[0], dequantize(value))


def test_stochastic_rounding_draws_from_seed_and_counter(rng):
    x = (rng.standard_normal((3, 50)) * 4).astype(np.float32)
    counter = np.array(7, np.int64)
    words = random_words(Stochastic(5, 7, 0), x.size).tolist()
    want = [
        (int(Fraction(float(v)) / Fraction(0.25) * 2**32 // 1) + w) >> 32
        for v, w in zip(x.reshape(-1), words, strict=True)
    ]
    constants = {"format": "int8", "scale": (0.25,), "zero": (0,), "axis": None}
    got, _ = run("quantize", x, counter, seed=5, **constants)
    assert got.reshape(-1).tolist() == want
    near, _ = run("quantize", x, **constants)
    assert (got != near).any() and (np.abs(got - near.astype(int)) <= 1).all()
    for op, more in (("quantize_bfp16", {}), ("quantize_bfp16_to", {"exponent": (-6,)})):
        got, _ = run(op, x, counter, seed=5, **more)
        value, _ = quantize(x, got.grid, Stochastic(5, 7, 0))
        assert equal_bits(got.data, value.data)
        again, _ = run(op, x, np.array(8, np.int64), seed=5, **more)
        assert not equal_bits(got.data, again.data)


def test_empty_tensors_and_tensors_without_axes():
    one = np.array(1.5, np.float32)
    assert run("quantize", one, format="int8", scale=(0.5,), zero=(1,))[0] == 4
    assert run("quantize_bfp16", one)[0].data.shape == ()
    for shape in ((0,), (2, 0), (0, 3)):
        x = np.zeros(shape, np.float32)
        channels = {"scale": (1.0,) * shape[0], "zero": (0,) * shape[0], "axis": 0}
        q, _ = run("quantize", x, format="uint8", **channels)
        assert run("dequantize", q, **channels)[0].shape == shape
        mantissas, _ = run("quantize_bfp16", x)
        assert mantissas.exponent == -125 and run("dequantize", mantissas)[0].shape == shape
        if shape[0]:
            assert run("quantize_bfp16", x, axis=0)[0].exponent.tolist() == [-125] * shape[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(bad):
    x = np.float32([1, bad])
    with pytest.raises(OperandError, match="1 non-finite elements"):
        run("quantize", x, format="int8", scale=(0.5,), zero=(1,))
    for op, more in (("quantize_bfp16", {}), ("quantize_bfp16_to", {"exponent": (0,)})):
        with pytest.raises(OperandError, match="1 non-finite elements"):
            run(op, x, **more)


def test_numbers_beyond_float32_are_counted():
    q = np.int8([127, 1, -128])
    got, counts = run("dequantize", q, scale=(2.0**122,), zero=(0,))
    assert equal_bits(got, np.float32([np.inf, 2.0**122, -np.inf])) and counts == {"overflowed": 2}


def test_int32_is_read_back_exactly_by_any_scale(rng):
    q = rng.integers(-(2**31), 2**31, 500, np.int32)
    for scale in (2.0**-10, 1 / 3, 0.1):
        got, _ = run("dequantize", q, scale=(scale,), zero=(0,))
        assert equal_bits(got, dequantize(Quantized(grid(Int32(), scale), q)))


INTEGERS = ["int8", "uint8", "int32", "int64", "bool"]


@pytest.mark.parametrize("source", [*INTEGERS, "float32"])
@pytest.mark.parametrize("target", [*INTEGERS, "float32"])
def test_convert_is_exact_or_an_error(source, target):
    """By Python's integers, at the ends of every type."""
    ends = {f: (0, 1) if f == "bool" else (np.iinfo(f).min, np.iinfo(f).max) for f in INTEGERS}
    ends["float32"] = (-(2**62), 2**62)
    for value in {0, 1, -1, 100, *ends[source], *ends[target], ends[target][1] + 1, ends[target][0] - 1}:
        if not ends[source][0] <= value <= ends[source][1]:
            continue
        x = np.array([[value]], DTYPES[source])
        value = int(x[0, 0])
        if target in ("bool", "float32"):
            want = bool(value) if target == "bool" else float(np.float32(value))
            assert run("convert", x, format=target)[0].tolist() == [[want]]
        elif ends[target][0] <= value <= ends[target][1]:
            assert run("convert", x, format=target)[0].tolist() == [[value]]
        else:
            with pytest.raises(RangeError, match="clamp first"):
                run("convert", x, format=target)


@given(st.integers(-(2**63), 2**63 - 1))
def test_large_integers_are_rounded_half_to_even(value):
    got, _ = run("convert", np.array(value, np.int64), format="float32")
    magnitude = abs(value)
    shift = max(magnitude.bit_length() - 24, 0)
    want = round(Fraction(magnitude, 1 << shift)) << shift
    assert int(got) == (-want if value < 0 else want)


@pytest.mark.parametrize("bad", [0.5, np.nan, np.inf])
def test_convert_refuses_what_is_no_integer(bad):
    with pytest.raises(OperandError, match=r"1 elements that are no integers.*floor or round"):
        run("convert", np.float32([1, bad, -2]), format="int32")
    assert run("convert", np.float32([0, -0.0, np.nan, 2]), format="bool")[0].tolist() == [
        False,
        False,
        True,
        True,
    ]
    with pytest.raises(RangeError, match="clamp first"):
        run("convert", np.float32([2.0**63]), format="int64")
    assert run("convert", np.zeros((0, 2), np.float32), format="int8")[0].shape == (0, 2)


def slope_of(build, x):
    b = Builder(RULES)
    number = b.input("x", TensorType(x.shape, "float32"))
    y = build(b, number)
    weights = b.constant(np.arange(x.size, dtype=np.float32).reshape(x.shape), "float32")
    total = b.add("sum", b.add("multiply", y, weights), axes=tuple(range(x.ndim)))
    graph = verify(gradients(b.graph(()), total, [number], RULES, GRADIENTS), RULES)
    return execute(prepare(graph), {number: x}).outputs[0]


@pytest.mark.parametrize("op,attributes", [("quantize_bfp16", {"axis": 1}), ("convert", {})])
def test_rounding_counts_as_the_identity(op, attributes, rng):
    x = rng.standard_normal((3, 4)).astype(np.float32)

    def build(b, number):
        if op == "convert":
            return b.add("convert", number, format="float32")
        return b.add("dequantize", b.add(op, number, **attributes))

    np.testing.assert_array_equal(slope_of(build, x), np.arange(12, dtype=np.float32).reshape(3, 4))


def test_a_counter_has_no_gradient():
    def build(b, number):
        counter = b.constant(np.array(3, np.int64), "int64")
        return b.add("dequantize", b.add("quantize_bfp16_to", number, counter, seed=1, exponent=(-10,)))

    np.testing.assert_array_equal(slope_of(build, np.ones(3, np.float32)), np.float32([0, 1, 2]))


def test_integer_formats_have_no_gradient():
    def build(b, number):
        q = b.add("quantize", number, format="int8", scale=(0.5,), zero=(0,))
        return b.add("dequantize", q, scale=(0.5,), zero=(0,))

    with pytest.raises(GraphError, match="integer formats have no gradient"):
        slope_of(build, np.ones(3, np.float32))


FLOAT, COUNTER = TensorType((2, 3), "float32"), TensorType((), "int64")
PLAIN = {"format": "int8", "scale": (1.0,), "zero": (0,)}


@pytest.mark.parametrize(
    "op,kinds,attributes,complaint",
    [
        ("quantize", [TensorType((2,), "int32")], PLAIN, "format float32"),
        ("quantize", [FLOAT], PLAIN | {"format": "bfp16"}, "use quantize_bfp16"),
        ("quantize", [FLOAT], PLAIN | {"scale": (1.0, 2.0)}, "a tuple of 1 float"),
        ("quantize", [FLOAT], PLAIN | {"axis": 1}, "a tuple of 3 float"),
        ("quantize", [FLOAT], PLAIN | {"axis": 2}, "an integer from 0 to 1"),
        ("quantize", [FLOAT], PLAIN | {"scale": (0.0,)}, "rescale the tensor"),
        ("quantize", [FLOAT], PLAIN | {"scale": (float("nan"),)}, "rescale the tensor"),
        ("quantize", [FLOAT], PLAIN | {"zero": (128,)}, "-128 to 127"),
        ("quantize", [FLOAT], PLAIN | {"zero": (1 << 40,)}, "integers of int8"),
        ("quantize", [FLOAT], PLAIN | {"zero": (1.0,)}, "a tuple of 1 int"),
        ("quantize", [FLOAT], PLAIN | {"zero": (1,), "symmetric": True}, "0 to 0"),
        ("quantize", [FLOAT], PLAIN | {"format": "uint8", "symmetric": True}, "only int8"),
        ("quantize", [FLOAT], PLAIN | {"seed": 1}, "x and a counter"),
        ("quantize", [FLOAT, COUNTER], PLAIN, "x alone"),
        ("quantize", [FLOAT, FLOAT], PLAIN | {"seed": 1}, r"\[\] int64"),
        ("quantize", [FLOAT, COUNTER], PLAIN | {"seed": -1}, "seed = -1"),
        ("quantize", [FLOAT, COUNTER], PLAIN | {"format": "int32", "seed": 1}, "half to even only"),
        ("quantize_bfp16", [TensorType((0, 2), "float32")], {"axis": 0}, "leave axis None"),
        ("quantize_bfp16_to", [FLOAT], {"exponent": (98,)}, "-125 to 97"),
        ("quantize_bfp16_to", [FLOAT], {"exponent": (1,), "axis": 0}, "a tuple of 2"),
        ("dequantize", [FLOAT], {}, "use convert"),
        ("dequantize", [TensorType((2,), "bfp16")], {"scale": (1.0,)}, "name these and no others"),
        ("quantize", [FLOAT], {"format": "int8", "scale": (1.0,)}, "attributes format, scale, expected"),
        ("quantize_bfp16", [FLOAT], {"exponent": (1,)}, "name these and no others"),
        ("dequantize", [TensorType((2,), "int32")], {"scale": (1.0,), "zero": (1,)}, "0 to 0"),
        ("convert", [TensorType((2,), "bfp16")], {"format": "float32"}, "dequantize"),
        ("convert", [FLOAT], {"format": "float64"}, "two of"),
    ],
)
def test_refusals(op, kinds, attributes, complaint):
    with pytest.raises(ShapeError, match=complaint):
        rule(op, *kinds, **attributes)


def test_every_operation_says_what_it_takes():
    for name in ("quantize", "quantize_bfp16", "quantize_bfp16_to", "dequantize", "convert"):
        assert OPERATIONS[name].formats and OPERATIONS[name].summary
