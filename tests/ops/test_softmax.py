"""softmax and log softmax as operations: the kernels' bits, double precision, counts, gradients, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opcheck import (
    LAYOUTS,
    NAN,
    against_torch,
    apart,
    check_second_slopes,
    check_slopes,
    compute,
    draw_array,
    refused,
    run,
    same,
)

from spinntensor.errors import ShapeError
from spinntensor.kernels import kernel
from spinntensor.kernels._float_unary import patterns

OPS = ("softmax", "log_softmax")
SHAPES = st.sampled_from([(1,), (5,), (2, 3), (4, 1), (2, 3, 7), (0, 3), (3, 0), (2, 65)])


@pytest.mark.parametrize("op", OPS)
@given(SHAPES, LAYOUTS, st.integers(0, 99), st.sampled_from(["any", "pattern", "near", "wide"]))
def test_bits_of_the_kernel_for_any_row(op, shape, layout, seed, kind):
    rng = np.random.default_rng(seed)
    x = {
        "any": lambda: draw_array(rng, shape, "float32", layout),
        "pattern": lambda: patterns(rng, shape),
        "near": lambda: rng.choice(np.float32([0, -0.0, 1e-45, -np.inf]), shape),
        "wide": lambda: rng.uniform(-150, 150, shape).astype(np.float32),
    }[kind]()
    got, counts = run(op, x)
    rows = np.ascontiguousarray(x).reshape(-1, shape[-1]) if x.size else x
    want = kernel(f"f32_{op}").twin({"x": rows}).view(np.float32) if x.size else x
    assert same(got, np.ascontiguousarray(want).reshape(shape))
    finite, nan = np.isfinite(x).all(-1, keepdims=True), np.isnan(x).any(-1, keepdims=True)
    found = {"overflowed": np.sum(np.isinf(got) & finite), "invalid": np.sum(np.isnan(got) & ~nan)}
    assert counts == {name: n for name, n in found.items() if n}


def test_many_rows_are_shared_out():
    x = np.random.default_rng(1).standard_normal((2000, 100)).astype(np.float32)
    for op in OPS:
        assert same(compute(op, x), kernel(f"f32_{op}").twin({"x": x}).view(np.float32))


def test_close_to_double_precision():
    x = np.random.default_rng(2).uniform(-8, 8, (20, 300)).astype(np.float32)
    exact = np.exp(x.astype(np.float64))
    exact /= exact.sum(1, keepdims=True)
    np.testing.assert_allclose(compute("softmax", x), exact, rtol=1e-6)
    np.testing.assert_allclose(compute("log_softmax", x), np.log(exact), rtol=1e-6, atol=1e-6)


def test_what_is_counted():
    x = np.float32([[1, np.inf], [np.nan, 1], [-np.inf, -np.inf], [3e38, -3e38], [0, -np.inf]])
    got, counts = run("log_softmax", x)
    want = np.float32([[NAN, NAN]] * 3 + [[0, -np.inf], [0, -np.inf]])
    assert same(got, want) and counts == {"invalid": 4, "overflowed": 1}


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 2, 3)])
def test_gradients_against_central_differences(op, shape):
    check_slopes(op, apart(shape, 1, -0.8))
    check_second_slopes(op, apart(shape, 1, -0.8))


@pytest.mark.slow
@pytest.mark.parametrize("op", OPS)
def test_against_torch(op):
    against_torch(op, lambda torch, t: getattr(torch, op)(t, -1), apart((9, 8), 1))


@pytest.mark.parametrize("op", OPS)
def test_refusals(op):
    refused(op, (" float32",), {}, ShapeError, "a last axis of at most 65,536 elements; reshape it")
    refused(op, ("2,65537 float32",), {}, ShapeError, "compose it of max, exp and sum")
    refused(op, ("2 int32",), {}, ShapeError, "format float32")
    refused(op, ("2 float32",), {"axis": 0}, ShapeError, "attributes axis, expected none")
