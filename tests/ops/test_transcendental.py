"""exp, log, tanh, sigmoid as operations: against double precision, special values, gradients, refusals."""

import numpy as np
import pytest

from spinntensor.errors import ShapeError
from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.kernels.kernel import equal_bits
from spinntensor.machine.host import evaluate
from spinntensor.ops import GRADIENTS, RULES

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


def value_and_slope(op, x):
    b = Builder(RULES)
    number = b.input("x", TensorType(x.shape, "float32"))
    y = b.add(op, number)
    total = b.add("sum", y, axes=tuple(range(x.ndim)))
    graph = verify(gradients(b.graph((y,)), total, [number], RULES, GRADIENTS), RULES)
    return evaluate(graph, {number: x})[0]


@pytest.mark.parametrize("op", EXACT)
def test_within_one_unit_in_the_last_place(op):
    x = np.random.default_rng(0).uniform(0.01, 8, (50, 40)).astype(np.float32)
    if op != "log":
        x[::2] *= -1
    y, slope = value_and_slope(op, x)
    want = EXACT[op](x.astype(np.float64))
    assert (np.abs(y - want) <= np.spacing(np.abs(want).astype(np.float32))).all()
    np.testing.assert_allclose(slope, SLOPES[op](x.astype(np.float64)), rtol=2e-4, atol=2e-7)


@pytest.mark.parametrize(
    "op,x,want",
    [
        ("exp", [0, -np.inf, np.inf, np.nan], [1, 0, np.inf, np.nan]),
        ("log", [1, 0, np.inf, -1], [0, -np.inf, np.inf, np.nan]),
        ("tanh", [0, -0.0, np.inf, -np.inf], [0, -0.0, 1, -1]),
        ("sigmoid", [0, np.inf, -np.inf, np.nan], [0.5, 1, 0, np.nan]),
    ],
)
def test_special_values(op, x, want):
    b = Builder(RULES)
    number = b.input("x", TensorType((4,), "float32"))
    (got,), _ = evaluate(b.graph((b.add(op, number),)), {number: np.float32(x)})
    assert equal_bits(got, np.float32(want))


def test_shapes_without_elements_and_axes():
    for shape in ((), (0, 3)):
        y, _ = value_and_slope("exp", np.ones(shape, np.float32))
        assert y.shape == shape


def test_other_formats_are_refused():
    b = Builder(RULES)
    with pytest.raises(ShapeError, match=r"tanh: received format int32, expected format float32"):
        b.add("tanh", b.input("x", TensorType((2,), "int32")))
