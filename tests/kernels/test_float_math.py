"""exp, log, tanh, sigmoid and softmax of float32 against decimal and double arithmetic; order, specials, sums."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from numba import njit

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels import _float_tables as tables
from spinntensor.kernels import float_math, kernel
from spinntensor.kernels._float_softmax import LONGEST, tree_sum
from spinntensor.machine.call import run

ULPS = {"exp": 0.53, "log": 0.53, "tanh": 0.56, "sigmoid": 0.55}
"""Bounds that the exhaustive test proves."""
INF, NAN = np.float32(np.inf), np.float32(np.nan)
TRUE = {
    "exp": lambda x: x.exp(),
    "log": lambda x: x.ln(),
    "tanh": lambda x: (1 - (-2 * x).exp()) / (1 + (-2 * x).exp()),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
}
SPECIALS = {
    "exp": [(0, 1), (-0.0, 1), (INF, INF), (-INF, 0.0), (89, INF), (-104, 0.0), (1e-45, 1), (-1e-45, 1)],
    "log": [(1, 0.0), (0, -INF), (-0.0, -INF), (INF, INF), (-1, NAN), (-INF, NAN), (-1e-45, NAN)],
    "tanh": [(0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1), (10, 1), (-10, -1), (1e-45, 1e-45)],
    "sigmoid": [(0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0.0), (88, 1), (-105, 0.0), (1e-45, 0.5)],
}


@pytest.fixture(scope="module")
def core():
    return Core(strict=True)


def called(core, name, x):
    return run(kernel(name), {"x": x}, core=core).result.view(np.float32)


def twin(name, x):
    return kernel(name).twin({"x": x}).view(np.float32)


def distance(got, true):
    """Distance in units of the last place of the true value's binade."""
    exponent = math.frexp(float(true))[1]
    return float(abs(Decimal(float(got)) - true) / Decimal(2) ** max(exponent - 24, -149))


@pytest.mark.parametrize("name", ULPS)
def test_bound_against_decimal(core, rng, name):
    low, high = {"exp": (-103, 88), "log": (1e-3, 3), "tanh": (-9.5, 9.5), "sigmoid": (-103, 18)}[name]
    near = {"log": 1 + rng.uniform(-0.01, 0.01, 60)}.get(name, rng.uniform(-0.01, 0.01, 60))
    x = np.concatenate([rng.uniform(low, high, 120), near]).astype(np.float32)
    if name == "log":
        x = np.concatenate([x, rng.integers(1, 0x7F800000, 120, dtype=np.uint32).view(np.float32)])
    with localcontext() as context:
        context.prec = 60
        worst = max(
            distance(y, TRUE[name](Decimal(float(v))))
            for v, y in zip(x, called(core, f"f32_{name}", x), strict=True)
        )
    assert worst <= ULPS[name]


@pytest.mark.parametrize("name", ULPS)
def test_specials_to_the_bit(core, name):
    x, y = (np.array(v, np.float32) for v in zip(*SPECIALS[name], strict=True))
    x = np.append(x, np.array([0x7FC00000, 0x7F800001, 0xFFFFFFFF], np.uint32).view(np.float32))
    expected = y.view(np.uint32).copy()
    expected[np.isnan(y)] = 0x7FC00000
    expected = np.append(expected, [np.uint32(0x7FC00000)] * 3)
    np.testing.assert_array_equal(called(core, f"f32_{name}", x).view(np.uint32), expected)


@pytest.mark.parametrize("name", ULPS)
def test_neighbours_are_in_order(rng, name):
    starts = rng.uniform(-20, 20, 40).astype(np.float32)
    starts = np.concatenate(
        [starts, np.float32(2.0) ** np.arange(-24, 7), -(np.float32(2.0) ** np.arange(-24, 7))]
    )
    starts = np.abs(starts) if name == "log" else starts
    for start in starts.astype(np.float32):
        near = (start.view(np.uint32) + np.arange(-600, 600)).astype(np.uint32).view(np.float32)
        steps = np.diff(twin(f"f32_{name}", near).astype(np.float64))
        assert (steps >= 0).all() if start > 0 else (steps <= 0).all()


@pytest.mark.parametrize("name", ["tanh", "log"])
def test_small_results_keep_their_digits(core, name):
    step = np.float32(2.0) ** -23 * np.arange(1, 200, dtype=np.float32)
    x = step if name == "tanh" else 1 + step
    true = np.tanh(x.astype(np.float64)) if name == "tanh" else np.log1p(step.astype(np.float64))
    np.testing.assert_allclose(called(core, f"f32_{name}", x), true, rtol=2.0**-23, atol=0)


def test_constants_are_rounded_logarithms():
    c = tables.constants()
    assert (c["LOG2E"], c["STEP_HIGH"], c["STEP_LOW"], c["LN2"]) == (
        float_math.LOG2E,
        float_math.STEP_HIGH,
        float_math.STEP_LOW,
        float_math.LN2,
    )
    ln2_offset = tables.log_table()[-6:-2]  # the last interval: its logarithm starts at 1 ln 2 exactly
    assert int(ln2_offset[1]) + (int(ln2_offset[2]) << 32) == (-126 * float_math.LN2 << 24) % (1 << 64)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 8, 9, 100, 257])
def test_pairwise_sum_follows_its_definition(rng, n):
    def tree(x):
        p = 1 << max(len(x) - 1, 0).bit_length() - 1 if len(x) > 1 else 0
        return x[0] if len(x) == 1 else np.float32(tree(x[:p]) + tree(x[p:]))

    x = rng.uniform(0, 1, n).astype(np.float32)
    assert tree_sum(x.copy()) == tree(list(x))


@pytest.mark.parametrize("n", [1, 2, 10, 65])
def test_softmax_against_double(core, rng, n):
    x = rng.uniform(-90, 90, (5, n)).astype(np.float32)
    x[1], x[2, 0] = 3.0, -INF if n > 1 else 1.0
    z = x.astype(np.float64) - x.max(axis=1, keepdims=True).astype(np.float64)
    power = np.exp(z)
    true = power / power.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(called(core, "f32_softmax", x), true, rtol=1e-5, atol=2e-45)
    logs = z - np.log(power.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(called(core, "f32_log_softmax", x), logs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["f32_softmax", "f32_log_softmax"])
def test_rows_without_a_softmax_are_nan(core, name):
    x = np.array([[1, NAN, 2], [INF, 0, 1], [-INF, -INF, -INF], [0, -INF, 0]], np.float32)
    got = called(core, name, x)
    assert (got[:3].view(np.uint32) == 0x7FC00000).all()
    half = np.float32(0.5) if name == "f32_softmax" else np.float32(-math.log(2))
    np.testing.assert_array_equal(got[3], [half, 0 if name == "f32_softmax" else -INF, half])


def test_bad_operands_are_refused():
    with pytest.raises(OperandError, match="float32"):
        kernel("f32_exp").lower({"x": np.zeros(3)})
    with pytest.raises(OperandError, match="no empty axis"):
        kernel("f32_log").lower({"x": np.zeros(0, np.float32)})
    with pytest.raises(OperandError, match="2 axes"):
        kernel("f32_softmax").lower({"x": np.zeros(3, np.float32)})
    with pytest.raises(RangeError, match="split rows"):
        kernel("f32_softmax").lower({"x": np.zeros((1, LONGEST + 1), np.float32)})


@pytest.mark.slow
@pytest.mark.parametrize("name", ULPS)
def test_every_float32(name):
    """The bound and the order over all patterns of a sign, against the host's double functions (error < 2**-50)."""
    f, table = getattr(float_math, f"{name}_bits"), getattr(tables, f"{name}_table")()
    host = {
        "exp": njit(lambda x: math.exp(x)),
        "log": njit(lambda x: math.log(x)),
        "tanh": njit(lambda x: math.tanh(x)),
        "sigmoid": njit(lambda x: 1 / (1 + math.exp(-x))),
    }[name]

    @njit
    def scan(first, last, up):
        word = np.zeros(1, np.uint32)
        number = word.view(np.float32)
        worst, disorder, before = 0.0, 0, np.float64(np.nan)
        for pattern in range(first, last):
            word[0] = pattern
            true = host(np.float64(number[0]))
            word[0] = f(pattern, table)
            got = np.float64(number[0])
            disorder += got < before if up else got > before
            before = got
            if np.isinf(got) and true >= 2.0**128 * (1 - 2.0**-25):
                continue
            worst = max(worst, abs(got - true) / 2.0 ** max(math.frexp(true)[1] - 24, -149))
        return worst, disorder

    for sign in (0,) if name == "log" else (0, 1):
        worst, disorder = scan((sign << 31) + (name == "log"), (sign << 31) + 0x7F800000, sign == 0)
        assert disorder == 0
        assert worst <= ULPS[name]


def test_both_forms_of_the_tree_are_one():
    from spinntensor.kernels._f32_reduce import tree_sums
    from spinntensor.kernels._float_softmax import tree_sum

    rng = np.random.default_rng(9)
    for n in (*range(1, 70), 1000):
        x = (rng.standard_normal(n) * 1e3).astype(np.float32)
        assert np.float32(tree_sum(x.copy())).tobytes() == tree_sums(x[None])[0].tobytes()
