"""Gradients of convolutions: bilinear forms in double precision, second derivatives, bfp16, PyTorch."""

import numpy as np
import pytest
from ops.convolutions import DEPTHWISE, OPS, ORDINARY, attributes, expected, operands_of, run

from spinntensor.errors import GraphError
from spinntensor.graph import TensorType, verify
from spinntensor.graph.autodiff import gradients
from spinntensor.graph.builder import Builder
from spinntensor.machine.host import execute, prepare
from spinntensor.ops import GRADIENTS, RULES


def scalar(b, number, weights):
    """The sum of a tensor, weighted."""
    product = b.add("multiply", number, b.constant(weights, "float32"))
    return b.add("sum", product, axes=tuple(range(weights.ndim)))


@pytest.mark.parametrize("case", [ORDINARY, DEPTHWISE, ORDINARY._replace(groups=2)])
@pytest.mark.parametrize("op", OPS)
def test_gradients_are_the_adjoints(op, case):
    """<d op(one, two), weights> must agree with double precision: the operation is bilinear."""
    rng = np.random.default_rng(5)
    b = Builder(RULES)
    shapes = operands_of(case, op)
    ids = [b.input(n, TensorType(s, "float32")) for n, s in zip("ab", shapes, strict=True)]
    node = b.add(op, *ids, **attributes(case, op))
    weights = rng.standard_normal(b[node].type.shape).astype(np.float32)
    total = scalar(b, node, weights)
    graph = verify(gradients(b.graph((total,)), total, ids, RULES, GRADIENTS), RULES)
    values = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    done = execute(prepare(graph), dict(zip(ids, values, strict=True)))
    for at in (0, 1):
        step = rng.standard_normal(shapes[at]).astype(np.float32)
        moved = [step if i == at else v for i, v in enumerate(values)]
        slope = expected(case, op, *(v.astype(np.float64) for v in moved), np.matmul)
        want = float((slope * weights).sum())
        got = float((done.outputs[1 + at].astype(np.float64) * step).sum())
        assert got == pytest.approx(want, rel=1e-4, abs=1e-4)


def test_second_derivatives_stay_among_the_three():
    """The gradient of <dx, s> with respect to w and c is bilinear again: compared with differences, exact for it."""
    rng = np.random.default_rng(6)
    case = ORDINARY
    b = Builder(RULES)
    shapes = case.shapes
    x, w = (b.input(n, TensorType(s, "float32")) for n, s in zip("xw", shapes[:2], strict=True))
    y = b.add("conv2d", x, w, **case.geometry)
    square = scalar(b, b.add("multiply", y, y), np.ones(shapes[2], np.float32))
    first = gradients(b.graph((square,)), square, (x,), RULES, GRADIENTS)
    b = Builder(RULES, first)
    s = rng.standard_normal(shapes[0]).astype(np.float32)
    total = scalar(b, first.outputs[1], s)
    graph = verify(gradients(b.graph((total,)), total, (x, w), RULES, GRADIENTS), RULES)
    assert {n.op for n in graph.nodes if n.op.startswith("conv")} == set(OPS)
    values = [rng.standard_normal(shape).astype(np.float32) for shape in shapes[:2]]
    done = execute(prepare(graph), dict(zip((x, w), values, strict=True)))

    def inner(x, w):
        """<2 conv(x, w), conv(s, w)> is what `total` computes."""
        of_x, of_s = (expected(case, "conv2d", v.astype(np.float64), w, np.matmul) for v in (x, s))
        return 2 * float((of_x * of_s).sum())

    for at in (0, 1):
        step = rng.standard_normal(shapes[at])
        ends = [
            inner(*(v + sign * step if i == at else v for i, v in enumerate(values))) for sign in (1.0, -1.0)
        ]
        got = float((done.outputs[1 + at].astype(np.float64) * step).sum())
        assert got == pytest.approx((ends[0] - ends[1]) / 2, rel=1e-3)


@pytest.mark.parametrize("axis", [None, 3])
def test_gradients_of_bfp16_are_products_of_bfp16(axis):
    rng = np.random.default_rng(7)
    b = Builder(RULES)
    ids = [b.input(n, TensorType(s, "float32")) for n, s in zip("xw", ORDINARY.shapes[:2], strict=True)]
    x, w = b.add("quantize_bfp16", ids[0], axis=None), b.add("quantize_bfp16", ids[1], axis=axis)
    y = b.add("conv2d", x, w, **ORDINARY.geometry, format="float32")
    weights = rng.standard_normal(ORDINARY.shapes[2]).astype(np.float32)
    total = scalar(b, y, weights)
    graph = verify(gradients(b.graph((total,)), total, ids, RULES, GRADIENTS), RULES)
    values = [rng.standard_normal(s).astype(np.float32) for s in ORDINARY.shapes[:2]]
    done = execute(prepare(graph), dict(zip(ids, values, strict=True)))
    for got, op, one, two in zip(
        done.outputs[1:], OPS[1:], (weights, values[0]), (values[1], weights), strict=True
    ):
        want = expected(ORDINARY, op, one.astype(np.float64), two.astype(np.float64), np.matmul)
        assert np.abs(got - want).max() < 2e-3 * np.abs(want).max()


def test_integer_convolutions_have_no_gradient():
    b = Builder(RULES)
    x, w = (b.input(n, TensorType(s, "int8")) for n, s in zip("xw", ORDINARY.shapes[:2], strict=True))
    node = b.add("conv2d", x, w, **ORDINARY.geometry, x_zero=0)
    with pytest.raises(GraphError, match="integer products have no gradient"):
        GRADIENTS["conv2d"](b, b[node], node)


@pytest.mark.slow
def test_against_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    for case in (ORDINARY._replace(padding=(1, 1, 1, 1)), DEPTHWISE):
        x, w, c = (rng.standard_normal(s).astype(np.float32) for s in case.shapes)
        tx = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
        tw = torch.tensor(w.transpose(3, 2, 0, 1), requires_grad=True)
        moves = {"stride": case.stride, "dilation": case.dilation, "groups": case.groups}
        y = torch.nn.functional.conv2d(tx, tw, padding=(case.padding[0], case.padding[2]), **moves)
        y.backward(torch.tensor(c.transpose(0, 3, 1, 2)))
        got, by_x, by_w = (
            run(op, *pair, **attributes(case, op))[0]
            for op, pair in zip(OPS, ((x, w), (c, w), (x, c)), strict=True)
        )
        np.testing.assert_allclose(got, y.detach().numpy().transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(by_x, tx.grad.numpy().transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(by_w, tw.grad.numpy().transpose(2, 3, 1, 0), rtol=1e-4, atol=1e-4)
