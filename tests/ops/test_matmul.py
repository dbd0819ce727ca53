"""Products in all formats: against exact rational arithmetic and NumPy, stacks, cuts of K, gradients, refusals."""

from fractions import Fraction
from math import frexp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import GraphError, ShapeError
from spinntensor.formats import Quantized, bfp16_grid
from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine.host import evaluate, execute, prepare
from spinntensor.ops import GRADIENTS, RULES


def form(x):
    if isinstance(x, Quantized):
        return "bfp16" if x.format.axis is None else f"bfp16(axis={x.format.axis})"
    return x.dtype.name


def counted(a, b, **attributes):
    """The product and its counts, after the rule has agreed."""
    build = Builder(RULES)
    ids = [build.input(n, TensorType(x.shape, form(x))) for n, x in (("a", a), ("b", b))]
    node = build.add("matmul", *ids, **attributes)
    done = execute(prepare(verify(build.graph((node,)), RULES)), dict(zip(ids, (a, b), strict=True)))
    assert TensorType(done.outputs[0].shape, form(done.outputs[0])) == build[node].type
    return done.outputs[0], dict(done.counts.get(node, {}))


def multiply(a, b, **attributes):
    return counted(a, b, **attributes)[0]


def exact(x, y):
    """The product of two rows by its definition, in rational numbers, before the one rounding."""
    bits = min(30, (63 - (len(x) - 1).bit_length()) // 2)

    def mantissas(row):
        e = max((frexp(float(v))[1] for v in row if v), default=0)
        return e, [round(Fraction(float(v)) * Fraction(2) ** (bits - e)) for v in row]

    (e, p), (f, q) = mantissas(x), mantissas(y)
    return sum(s * t for s, t in zip(p, q, strict=True)) * Fraction(2) ** (e + f - 2 * bits)


def nearest(value):
    """The float32 nearest to a rational number, the even one of two: among the neighbours of a first guess."""
    guess = np.float32(float(value))
    around = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(around, key=lambda v: (abs(Fraction(float(v)) - value), int(v.view(np.uint32)) & 1))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(1, 40), st.integers(1, 4), st.integers(0, 999), st.booleans())
def test_the_exact_product_is_rounded_once(m, k, n, seed, wide):
    rng = np.random.default_rng(seed)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n)))
    if wide:
        a = (a * np.exp2(rng.integers(-30, 31, a.shape))).astype(np.float32)
    got = multiply(a, b)
    for i, j in np.ndindex(m, n):
        value = exact(a[i], b[:, j])
        assert equal_bits(got[i, j], np.asarray(nearest(value) if value else np.float32(0)))


def test_close_to_double_precision():
    """Against NumPy in double: the error is bounded by one rounding and the mantissas cut off below 2**-b."""
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((20, 300), (300, 15)))
    got, want = multiply(a, b).astype(np.float64), a.astype(np.float64) @ b.astype(np.float64)
    scale = np.abs(a).max(1)[:, None] * np.abs(b).max(0)
    assert (np.abs(got - want) <= np.abs(want) * 2.0**-24 + scale * 300 * 2.0**-25).all()


def test_stacks_and_empty_products():
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((2, 3, 4, 5), (2, 3, 5, 6)))
    got = multiply(a, b)
    assert all(equal_bits(got[i], multiply(a[i], b[i])) for i in np.ndindex(2, 3))
    assert equal_bits(
        multiply(np.zeros((2, 0), np.float32), np.zeros((0, 3), np.float32)), np.zeros((2, 3), np.float32)
    )


def test_a_long_k_is_cut_at_multiples_of_8192():
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((1, 20000), (20000, 2)))
    parts = [multiply(a[:, i : i + 8192], b[i : i + 8192]) for i in range(0, 20000, 8192)]
    assert equal_bits(multiply(a, b), (parts[0] + parts[1]) + parts[2])


def test_what_is_not_finite_shows_in_its_row_alone():
    a, b = np.ones((2, 3), np.float32), np.ones((3, 2), np.float32)
    a[0, 1] = np.inf
    got = multiply(a, b)
    assert (got[0].view(np.uint32) == 0x7FC00000).all() and (got[1] == 3).all()


def test_gradients_are_products_by_the_same_definition():
    build = Builder(RULES)
    ids = [build.input(n, TensorType(s, "float32")) for n, s in (("a", (3, 4)), ("b", (4, 2)))]
    rng = np.random.default_rng(5)
    a, b, w = (rng.standard_normal(s).astype(np.float32) for s in ((3, 4), (4, 2), (3, 2)))
    weighted = build.add("multiply", build.add("matmul", *ids), build.constant(w, "float32"))
    total = build.add("sum", weighted, axes=(0, 1))
    graph = verify(gradients(build.graph(()), total, ids, RULES, GRADIENTS), RULES)
    (by_a, by_b), _ = evaluate(graph, dict(zip(ids, (a, b), strict=True)))
    assert equal_bits(by_a, multiply(w, b.T.copy())) and equal_bits(by_b, multiply(a.T.copy(), w))


def test_what_is_not_finite_is_counted():
    a, b = np.ones((2, 3, 4), np.float32), np.ones((2, 4, 2), np.float32)
    assert counted(a, b)[1] == {}
    a[0, 1, 2], b[1, 0, 0], a[1, 2], b[0, 3, 1] = np.nan, np.inf, 3e38, 2
    got, counts = counted(a, b)
    assert counts == {"nonfinite": 2, "overflowed": 1} and np.isposinf(got[1, 2, 1])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sampled_from(["int8", "uint8"]), st.sampled_from(["int8", "uint8"]), st.integers(0, 999))
def test_integers_are_exact_sums_without_their_zero_points(left, right, seed):
    rng = np.random.default_rng(seed)
    ends = [np.iinfo(kind) for kind in (left, right)]
    sizes = rng.integers(0, 40, 5)
    shapes = (sizes[0], sizes[1], sizes[2]), (sizes[0], sizes[2], sizes[3])
    a, b = (rng.integers(e.min, e.max + 1, s).astype(e.dtype) for e, s in zip(ends, shapes, strict=True))
    a_zero, b_zero = (int(rng.integers(e.min, e.max + 1)) for e in ends)
    got = multiply(a, b, a_zero=a_zero, b_zero=b_zero)
    want = (a.astype(np.int64) - a_zero) @ (b.astype(np.int64) - b_zero)
    assert equal_bits(got, want.astype(np.int32)) and (got == want).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from([None, 0, 1]), st.booleans(), st.integers(0, 999), st.integers(1, 15))
def test_bfp16_is_the_sum_of_13_bit_mantissas_rounded_once(rows, columns, seed, top):
    rng = np.random.default_rng(seed)
    count, m, k, n = rng.integers(1, 9, 4)
    values = []
    for shape, axis in (((count, m, k), rows), ((count, k, n), 2 if columns else None)):
        data = rng.integers(-(1 << top), 1 << top, shape).astype(np.int16)
        values.append(
            Quantized(bfp16_grid(rng.integers(-30, 30, () if axis is None else shape[axis]), axis), data)
        )
    a, b = values
    got, narrow = multiply(a, b, format="float32"), multiply(a, b, format="bfp16")
    sums = np.empty(got.shape, object)
    shifts = [
        next(s for s in range(5) if round(int(np.abs(v.data.astype(int)).max()) / 2**s) <= 4095)
        for v in values
    ]
    p, q = (
        [[[round(Fraction(int(v), 2**s)) for v in r] for r in x] for x in y.data]
        for y, s in zip(values, shifts, strict=True)
    )
    for at, i, j in np.ndindex(*got.shape):
        e = int(a.exponent if rows is None else a.exponent[(at, i)[rows]]) + int(
            b.exponent[j] if columns else b.exponent
        )
        total = sum(x * row[j] for x, row in zip(p[at][i], q[at], strict=True))
        sums[at, i, j] = total * Fraction(2) ** (e + sum(shifts))
        assert equal_bits(got[at, i, j], np.asarray(nearest(sums[at, i, j])))
    e = int(narrow.exponent)
    largest = max(abs(s) for s in sums.flat)
    assert round(largest / Fraction(2) ** e) <= 32767
    assert e == -125 or round(largest / Fraction(2) ** (e - 1)) > 32767
    assert [round(s / Fraction(2) ** e) for s in sums.flat] == narrow.data.reshape(-1).tolist()


def test_bfp16_counts_what_its_results_cannot_hold():
    large = Quantized(bfp16_grid(97), np.full((3, 3), 32767, np.int16))
    assert counted(large, large, format="float32")[1] == {"overflowed": 9}
    got, counts = counted(large, large, format="bfp16")
    assert counts == {"saturated": 9} and got.exponent == 97 and (got.data == 32767).all()
    none = (
        Quantized(bfp16_grid(5), np.zeros((0, 4), np.int16)),
        Quantized(bfp16_grid(5), np.zeros((4, 2), np.int16)),
    )
    assert multiply(*none, format="bfp16").shape == multiply(*none, format="float32").shape == (0, 2)


@pytest.mark.parametrize("axis", [None, 1])
def test_gradients_of_bfp16_are_products_of_bfp16(axis):
    build = Builder(RULES)
    rng = np.random.default_rng(6)
    ids = [build.input(n, TensorType(s, "float32")) for n, s in (("a", (30, 40)), ("b", (40, 20)))]
    a, b, w = (rng.standard_normal(s).astype(np.float32) for s in ((30, 40), (40, 20), (30, 20)))
    factors = [build.add("quantize_bfp16", i, axis=axis if i == ids[1] else None) for i in ids]
    node = build.add("matmul", *factors, format="float32")
    total = build.add("sum", build.add("multiply", node, build.constant(w, "float32")), axes=(0, 1))
    graph = verify(gradients(build.graph(()), total, ids, RULES, GRADIENTS), RULES)
    products = [n for n in graph.nodes if n.op == "matmul"]
    assert len(products) == 3 and all(
        graph[i].type.format.startswith("bfp16") for n in products for i in n.inputs
    )
    (by_a, by_b), _ = evaluate(graph, dict(zip(ids, (a, b), strict=True)))
    for got, want in ((by_a, w @ b.T), (by_b, a.T @ w)):
        assert np.abs(got - want).max() < 1e-3 * np.abs(want).max()


def test_integer_products_have_no_gradient():
    b = Builder(RULES)
    node = b.add("matmul", *(b.input("x", TensorType((2, 2), "int8")) for _ in "ab"), a_zero=0, b_zero=0)
    with pytest.raises(GraphError, match="integer products have no gradient"):
        GRADIENTS["matmul"](b, b[node], node)


@pytest.mark.parametrize(
    "shapes,complaint",
    [
        (((2, 3), (4, 2)), "columns of a as rows of b"),
        (((3,), (3, 2)), "matrices, or stacks"),
        (((2, 2, 3), (3, 3, 2)), "equal leading axes"),
    ],
)
def test_refusals(shapes, complaint):
    b = Builder(RULES)
    with pytest.raises(ShapeError, match=complaint):
        b.add("matmul", *(b.input("x", TensorType(s, "float32")) for s in shapes))


@pytest.mark.parametrize(
    "formats, attributes, complaint",
    [
        (("float32", "float32"), {"format": "float32"}, "name these and no others"),
        (("float32", "float32"), {"a_zero": 0, "b_zero": 0}, "name these and no others"),
        (("int8", "uint8"), {}, "name these and no others"),
        (("int8", "uint8"), {"a_zero": 0, "b_zero": -1}, "from 0 to 255"),
        (("int8", "uint8"), {"a_zero": 0.0, "b_zero": 0}, "from -128 to 127"),
        (("int8", "float32"), {}, "float32, bfp16 or 8-bit integers on both sides"),
        (("int32", "int32"), {}, "float32, bfp16 or 8-bit integers on both sides"),
        (("bfp16", "bfp16"), {}, "name these and no others"),
        (("bfp16", "bfp16"), {"format": "int8"}, "choose the result's format"),
        (("bfp16(axis=1)", "bfp16"), {"format": "bfp16"}, "one exponent for a whole row of a"),
        (("bfp16", "bfp16(axis=0)"), {"format": "bfp16"}, r"bfp16\(axis=1\)"),
    ],
)
def test_refusals_of_formats(formats, attributes, complaint):
    b = Builder(RULES)
    with pytest.raises(ShapeError, match=complaint):
        b.add("matmul", *(b.input("x", TensorType((3, 3), f)) for f in formats), **attributes)


def test_sums_that_could_leave_their_range_are_refused():
    def product(form, k, **attributes):
        b = Builder(RULES)
        b.add("matmul", *(b.input("x", TensorType(s, form)) for s in ((1, k), (k, 1))), **attributes)

    product("uint8", 33025, a_zero=0, b_zero=0)
    with pytest.raises(ShapeError, match="K up to 33,025"):
        product("uint8", 33026, a_zero=0, b_zero=0)
    product("uint8", 131071, a_zero=128, b_zero=128)
    product("bfp16", (1 << 23) - 1, format="bfp16")
    with pytest.raises(ShapeError, match="at most 8,388,607"):
        product("bfp16", 1 << 23, format="bfp16")
