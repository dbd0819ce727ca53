"""Derivatives: structures, variables, assignments inside, second order, vector-Jacobian products, refusals."""

import numpy as np
import pytest

import spinntensor as st
from spinntensor.errors import GraphError, ShapeError
from spinntensor.kernels.kernel import equal_bits

GRID = st.formats.grid(st.formats.Int8(), 0.1)
X = np.random.default_rng(0).uniform(0.5, 2, (3, 4)).astype(np.float32)


def test_value_and_gradient():
    value, slope = st.value_and_grad(lambda x: st.sum(x * x))(X)
    np.testing.assert_allclose(float(value), (X * X).sum(), rtol=1e-6)
    assert equal_bits(slope.numpy(), 2 * X)


def test_several_operands_and_structures():
    def loss(model, x, power):
        return st.sum((x @ model["w"] + model["b"][0]) ** power)

    model = {"w": X.T, "b": [np.ones(3, np.float32)]}
    slopes, by_x = st.grad(loss, argnums=(0, 1))(model, X, 2)
    y = X @ X.T + 1
    assert sorted(slopes) == ["b", "w"] and isinstance(slopes["b"], list)
    np.testing.assert_allclose(slopes["w"].numpy(), X.T @ (2 * y), rtol=1e-5)
    np.testing.assert_allclose(slopes["b"][0].numpy(), (2 * y).sum(0), rtol=1e-5)
    np.testing.assert_allclose(by_x.numpy(), (2 * y) @ X, rtol=1e-5)


def test_variables_and_what_is_assigned_inside():
    w, calls = st.Variable(2.0), st.Variable(0)

    def loss(x):
        calls.assign(calls + 1)
        return w * w * x

    value, (slope,) = st.value_and_grad(loss, variables=[w])(3.0)
    assert (float(value), float(slope), int(calls)) == (12, 12, 1)
    by_x, (by_w,) = st.grad(loss, argnums=0, variables=[w])(3.0)
    assert (float(by_x), float(by_w), int(calls)) == (4, 12, 2)


def test_training_is_the_same_lazy_and_compiled():
    def run(wrap):
        w = st.Variable(st.tensor(X[:, :1]))

        def step(x):
            loss, (slope,) = st.value_and_grad(lambda: st.mean((x @ w - 1) ** 2), variables=[w])()
            w.assign(w - 0.05 * slope)
            return loss

        step = wrap(step)
        return [step(st.tensor(X.T)).numpy() for _ in range(5)], w.numpy()

    lazy, compiled = run(lambda f: f), run(st.compile)
    assert all(equal_bits(a, b) for a, b in zip(lazy[0], compiled[0], strict=True))
    assert equal_bits(lazy[1], compiled[1]) and lazy[0][-1] < lazy[0][0]


def test_derivatives_of_derivatives():
    cube = lambda x: x * x * x  # noqa: E731
    assert float(st.grad(st.grad(cube))(2.0)) == 12
    assert float(st.grad(st.grad(st.grad(cube)))(2.0)) == 6
    assert float(st.compile(st.grad(st.grad(cube)))(2.0)) == 12


def test_gradient_with_more_to_return():
    slope, (more,) = st.grad(lambda x: (st.sum(x), [x * 2]), has_aux=True)(X)
    assert (slope.numpy() == 1).all() and equal_bits(more.numpy(), 2 * X)
    (value, _), _ = st.value_and_grad(lambda x: (st.sum(x), 7), has_aux=True)(X)
    assert value.shape == ()


def test_vector_jacobian_product():
    def function(x, y):
        z = x * y
        return z, (st.sum(x, axis=0), z)

    (z, (s, _)), pull = st.vjp(function, X, 2 * X)
    assert equal_bits(z.numpy(), 2 * X * X) and s.shape == (4,)
    c, d = np.ones((3, 4), np.float32), np.float32([1, 2, 3, 4])
    by_x, by_y = pull((c, (d, c)))
    np.testing.assert_allclose(by_x.numpy(), 2 * 2 * X + d, rtol=1e-6)
    np.testing.assert_allclose(by_y.numpy(), 2 * X, rtol=1e-6)
    with pytest.raises(ShapeError, match="float32 of shape"):
        pull((c, (c, c)))
    with pytest.raises(ShapeError, match="structure of the result"):
        pull([c, c])


def test_no_gradient_is_computed_twice():
    function = st.compile(st.grad(lambda x: st.sum(st.exp(st.tanh(x)) + st.tanh(x))))
    ops = [n.op for n in function.graph(X).nodes]
    assert ops.count("tanh") == 1 and ops.count("exp") == 1


def test_what_is_not_needed_has_gradient_zero():
    by_x, by_y = st.grad(lambda x, y: st.sum(x), argnums=(0, 1))(X, X)
    assert (by_x.numpy() == 1).all() and (by_y.numpy() == 0).all()


@pytest.mark.parametrize(
    "call,error,words",
    [
        (lambda: st.grad(lambda x: x * 2)(X), ShapeError, "one that returns|a float32 scalar"),
        (lambda: st.grad(lambda x: (st.sum(x), x))(X), ShapeError, "has_aux=True for a pair"),
        (lambda: st.grad(lambda x: 3)(X), ShapeError, "a float32 scalar"),
        (lambda: st.grad(st.sum)(st.tensor([1, 2])), ShapeError, "float32 or bfp16"),
        (lambda: st.grad(st.sum, argnums=1)(X), ShapeError, "argnums 1 for 1 operands"),
        (
            lambda: st.grad(lambda x: st.sum(st.dequantize(st.quantize(x, GRID))))(X),
            GraphError,
            "integer|gradient",
        ),
    ],
)  # fmt: skip
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()
