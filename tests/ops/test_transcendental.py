"""exp, log, tanh, sigmoid as operations: the kernels' bits, double precision, counts, gradients, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opcheck import (
    LAYOUTS,
    NAN,
    SHAPES,
    against_torch,
    apart,
    check_second_slopes,
    check_slopes,
    compute,
    draw_array,
    refused,
    run,
    same,
    slopes,
)

from spinntensor.errors import ShapeError
from spinntensor.kernels import kernel
from spinntensor.kernels._float_unary import patterns

EXACT = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}
SLOPES = {
    "exp": np.exp,
    "log": lambda x: 1 / x,
    "tanh": lambda x: 1 - np.tanh(x) ** 2,
    "sigmoid": lambda x: EXACT["sigmoid"](x) * (1 - EXACT["sigmoid"](x)),
}


@pytest.mark.parametrize("op", EXACT)
def test_within_one_unit_in_the_last_place(op):
    x = np.random.default_rng(0).uniform(0.01, 8, (50, 40)).astype(np.float32)
    if op != "log":
        x[::2] *= -1
    want = EXACT[op](x.astype(np.float64))
    assert (np.abs(compute(op, x) - want) <= np.spacing(np.abs(want).astype(np.float32))).all()
    ((slope,), weights) = slopes(op, x)
    np.testing.assert_allclose(slope, weights * SLOPES[op](x.astype(np.float64)), rtol=2e-4, atol=2e-7)


@pytest.mark.parametrize("op", EXACT)
@given(SHAPES, LAYOUTS, st.integers(0, 99))
def test_bits_of_the_kernel_for_any_pattern(op, shape, layout, seed):
    rng = np.random.default_rng(seed)
    for x in (draw_array(rng, shape, "float32", layout), np.array(patterns(rng, shape)).reshape(shape)):
        got, counts = run(op, x)
        want = (
            kernel(f"f32_{op}").twin({"x": np.ascontiguousarray(x).reshape(-1)}) if x.size else x.reshape(-1)
        )
        assert same(got, want.view(np.float32).reshape(shape))
        found = {
            "overflowed": np.sum(np.isinf(got) & np.isfinite(x)),
            "invalid": np.sum(np.isnan(got) & ~np.isnan(x)),
        }
        assert counts == {name: n for name, n in found.items() if n}


def test_many_elements_are_shared_out():
    x = np.random.default_rng(1).standard_normal((500, 301)).astype(np.float32)
    for op in ("exp", "sigmoid"):
        assert same(compute(op, x), np.stack([compute(op, row) for row in x]))


@pytest.mark.parametrize(
    "op,x,want,counted",
    [
        ("exp", [0, -np.inf, np.inf, np.nan, 89, -200], [1, 0, np.inf, NAN, np.inf, 0], {"overflowed": 1}),
        ("log", [1, 0, np.inf, -1, -np.inf], [0, -np.inf, np.inf, NAN, NAN], {"overflowed": 1, "invalid": 2}),
        ("tanh", [0, -0.0, np.inf, -np.inf], [0, -0.0, 1, -1], {}),
        ("sigmoid", [0, np.inf, -np.inf, np.nan], [0.5, 1, 0, NAN], {}),
    ],
)
def test_special_values(op, x, want, counted):
    got, counts = run(op, np.float32(x))
    assert same(got, np.float32(want)) and counts == counted


@pytest.mark.parametrize("op", EXACT)
def test_gradients_against_central_differences(op):
    x = apart((3, 4), 1, 0.4 if op == "log" else -0.8)
    check_slopes(op, x)
    check_second_slopes(op, x)


@pytest.mark.slow
@pytest.mark.parametrize("op", EXACT)
def test_against_torch(op):
    against_torch(op, lambda torch, t: getattr(torch, op)(t), apart((9, 8), 1, 0.4 if op == "log" else -4.0))


def test_refusals():
    refused("tanh", ("2 int32",), {}, ShapeError, "tanh: received .2. int32, expected format float32")
    refused("exp", ("2 float32",), {"base": 2}, ShapeError, "attributes base, expected none")
