"""Float32 products: against exact rational arithmetic and NumPy, stacks, cuts of K, gradients, refusals."""

from fractions import Fraction
from math import frexp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import ShapeError
from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine.host import evaluate
from spinntensor.ops import GRADIENTS, RULES


def multiply(a, b):
    build = Builder(RULES)
    ids = [build.input(n, TensorType(x.shape, "float32")) for n, x in (("a", a), ("b", b))]
    graph = verify(build.graph((build.add("matmul", *ids),)), RULES)
    return evaluate(graph, dict(zip(ids, (a, b), strict=True)))[0][0]


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
