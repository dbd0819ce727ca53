"""Products of tensors against NumPy: exact in integers, within a bound in float32; einsum by random equations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import ShapeError
from spinntensor.formats import Int8, Quantized, bfp16_grid, grid
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors import linalg
from spinntensor.tensors.differentiate import grad
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.tensor import Tensor

REFUSED = r"at test_linalg.py:\d+: received .*, expected .*; "
SIZE = st.integers(1, 4)


def numbers(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == np.float32:
        return rng.normal(size=shape).astype(np.float32)
    return rng.integers(0 if dtype == np.uint8 else -9, 10, shape).astype(dtype)


def lazy(x):
    return tensor(x, str(x.dtype))


def compared(ours, numpys, arrays, summed):
    """Equal for integers; within the bound of block floating point for float32; or both refuse.

    summed : products that each result is the sum of, at most.
    """
    try:
        want = np.asarray(
            numpys(*[x.astype(np.int64 if x.dtype.kind in "iu" else np.float64) for x in arrays])
        )
    except ValueError:
        with pytest.raises(ShapeError, match=REFUSED):
            ours(*map(lazy, arrays))
        return
    result = ours(*map(lazy, arrays))
    got = result.numpy()
    assert type(result) is Tensor
    assert got.shape == want.shape == result.shape
    if got.dtype.kind in "iu":
        assert np.array_equal(got, want)
    else:
        top = np.prod([np.abs(x).max(initial=0) for x in arrays])
        assert np.abs(got - want).max(initial=0) <= summed * top * 2.0**-20


TYPES = st.sampled_from([np.float32, np.int32, np.int8])
FUNCTIONS = ["matmul", "dot", "inner", "outer", "vdot", "kron"]


@settings(max_examples=250)
@given(st.data())
def test_products(data):
    """Shapes that fit or nearly fit, all ranks."""
    name, dtype = data.draw(st.sampled_from(FUNCTIONS)), data.draw(TYPES)
    k = data.draw(SIZE)
    a = data.draw(st.lists(st.sampled_from([1, 2, 3]), max_size=3))
    b = data.draw(st.lists(st.sampled_from([1, 2, 3]), max_size=3))
    if a:
        a[-1] = k
    if b and data.draw(st.integers(0, 9)):
        b[-1 if name == "inner" or len(b) == 1 else -2] = k
    if name == "vdot" and data.draw(st.booleans()):
        b = [int(np.prod(a))]
    x, y = numbers(a, dtype, 1), numbers(b, dtype, 2)
    compared(getattr(linalg, name), getattr(np, name), [x, y], max(x.size, y.size))


@settings(max_examples=100)
@given(st.data())
def test_tensordot(data):
    shape = st.lists(st.integers(0, 3), max_size=3)
    a, b = data.draw(shape), data.draw(shape)
    axis = st.integers(-3, 3)
    if data.draw(st.booleans()):
        axes = data.draw(st.integers(0, 3))
        if data.draw(st.booleans()):
            b[:axes] = a[len(a) - axes :] if axes <= len(a) else []
    else:
        count = data.draw(st.integers(0, min(len(a), len(b))))
        axes = [data.draw(st.permutations(range(len(s))))[:count] for s in (a, b)]
        for i, j in zip(*axes, strict=True):
            b[j] = a[i]
        if data.draw(st.integers(0, 9)) == 0:
            axes = (data.draw(axis), data.draw(axis))
    dtype = data.draw(TYPES)
    x, y = numbers(a, dtype, 3), numbers(b, dtype, 4)
    compared(
        lambda p, q: linalg.tensordot(p, q, axes), lambda p, q: _tensordot(p, q, axes), [x, y], x.size + 1
    )


def _tensordot(a, b, axes):
    """NumPy's, with an error wherever one of ours is due."""
    if isinstance(axes, int) and axes > min(a.ndim, b.ndim):
        raise ValueError("NumPy counts these axes around the end")
    try:
        return np.tensordot(a, b, axes)
    except IndexError as error:
        raise ValueError(str(error)) from None


@settings(max_examples=100)
@given(st.data())
def test_diagonal_and_trace(data):
    shape = data.draw(st.lists(st.integers(0, 4), min_size=2, max_size=4))
    offset = data.draw(st.integers(-5, 5))
    axes = [data.draw(st.integers(-len(shape), len(shape) - 1)) for _ in range(2)]
    for dtype in (np.int32, np.float32):
        x = numbers(shape, dtype)
        compared(lambda t: linalg.diagonal(t, offset, *axes), lambda v: np.diagonal(v, offset, *axes), [x], 1)
        compared(lambda t: linalg.trace(t, offset, *axes), lambda v: np.trace(v, offset, *axes), [x], 5)


@st.composite
def equations(draw):
    """An equation, mostly sound, and the shapes of its operands."""
    sizes = {c: draw(st.integers(1, 3)) for c in "abcD"}
    wide = draw(st.lists(st.integers(1, 2), max_size=2))
    parts, shapes = [], []
    for _ in range(draw(st.integers(1, 3))):
        labels = draw(st.lists(st.sampled_from("abcD"), max_size=3))
        shape = [sizes[c] for c in labels]
        if draw(st.integers(0, 7)) == 0 and shape:
            shape[draw(st.integers(0, len(shape) - 1))] = draw(st.integers(1, 3))
        if draw(st.booleans()):
            at, own = draw(st.integers(0, len(labels))), draw(st.integers(0, len(wide)))
            dots = [s if draw(st.booleans()) else 1 for s in wide[len(wide) - own :]]
            labels.insert(at, "...")
            shape[at:at] = dots
        parts.append("".join(labels))
        shapes.append(shape)
    equation = ",".join(parts)
    if draw(st.booleans()):
        used = sorted(set(equation) & set("abcD"))
        output = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
        if "..." in equation and draw(st.integers(0, 9)):
            output.insert(draw(st.integers(0, len(output))), "...")
        if draw(st.integers(0, 19)) == 0:
            output.append(draw(st.sampled_from("abe")))
        equation += " -> " * draw(st.booleans()) or "->"
        equation += "".join(output)
    return equation, shapes


@settings(max_examples=500)
@given(equations(), st.sampled_from([np.int32, np.float32]))
def test_any_equation(drawn, dtype):
    equation, shapes = drawn
    arrays = [numbers(s, dtype, i) for i, s in enumerate(shapes)]
    compared(
        lambda *t: linalg.einsum(equation, *t),
        lambda *v: np.einsum(equation, *v),
        arrays,
        3 ** (4 + 2) * len(shapes),
    )


@settings(max_examples=60)
@given(equations().filter(lambda drawn: len(drawn[1]) == 2))
def test_equations_of_bytes(drawn):
    """Exact int32 sums of int8 and uint8."""
    equation, shapes = drawn
    arrays = [numbers(s, t, 5) for s, t in zip(shapes, (np.uint8, np.int8), strict=True)]
    compared(lambda *t: linalg.einsum(equation, *t), lambda *v: np.einsum(equation, *v), arrays, 0)


@settings(max_examples=30)
@given(st.permutations(range(4)), st.data())
def test_any_path(order, data):
    """Whatever the order of contraction, integers are the same."""
    parts = ["ab", "bc", "cd", "da"]
    equation = ",".join(parts[i] for i in order) + "->" + data.draw(st.sampled_from(["", "a", "ac", "db"]))
    arrays = [
        numbers((2 + "abcd".index(parts[i][0]) % 2, 2 + "abcd".index(parts[i][1]) % 2), np.int32, i)
        for i in order
    ]
    want = np.einsum(equation, *arrays)
    path = np.einsum_path(
        equation, *arrays, optimize=data.draw(st.sampled_from(["greedy", "optimal", False]))
    )[0]
    for way in (None, path, [(3, 0), (0, 2), (1, 0)], [(2, 0, 1), (0, 1)]):
        assert np.array_equal(linalg.einsum(equation, *map(tensor, arrays), path=way).numpy(), want)


def test_float32_einsum_is_the_matrix_product():
    """Equations of one product have its bits."""
    a, b = numbers((5, 7), seed=1), numbers((7, 4), seed=2)
    want = linalg.matmul(tensor(a), tensor(b)).numpy()
    for equation in ("ij,jk->ik", "ij,jk"):
        assert equal_bits(linalg.einsum(equation, tensor(a), tensor(b)).numpy(), want)
    turned = linalg.einsum("ji,kj->ik", tensor(a.T), tensor(b.T)).numpy()
    assert equal_bits(turned, want)
    many = np.stack([a, 2 * a])
    stack = linalg.matmul(tensor(many), tensor(b)).numpy()
    assert equal_bits(stack[0], want) and equal_bits(stack[1], 2 * want)
    both = linalg.matmul(tensor(many), tensor(np.stack([b, b]))).numpy()
    assert equal_bits(both, stack)
    assert equal_bits(linalg.tensordot(tensor(a), tensor(b), 1).numpy(), want)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: linalg.matmul(tensor([[1.0, 2.0]]), tensor([[1.0, 2.0]])),
            r"columns of a as rows of b \(2 and 1\)",
        ),
        (lambda: linalg.matmul(tensor(1.0), tensor([1.0])), "use multiply"),
        (lambda: linalg.matmul(tensor([1.0]), tensor([1])), "all float32, all int32"),
        (lambda: linalg.matmul(tensor([1.0]), tensor([1.0]), format="bfp16"), "for bfp16 operands"),
        (lambda: linalg.einsum("ij->ij", 1, 2), "1 operands"),
        (lambda: linalg.einsum("i1", [[1]]), "letters, commas"),
        (lambda: linalg.einsum("ij,jk", np.eye(2), np.eye(3)), "sizes 2 and 3 of letter 'j'"),
        (lambda: linalg.einsum("i->ii", [1]), "'i' in the result"),
        (lambda: linalg.einsum("ii", np.ones((1, 3))), "sizes 1 and 3 of letter 'i'"),
        (lambda: linalg.einsum(np.eye(2), [0, 1]), "write the equation"),
        (lambda: linalg.einsum("i,i", [1], [1], path=[(0, 2)]), "numpy.einsum_path"),
        (lambda: linalg.einsum("i,i,i", *[tensor(np.ones(2, np.int8))] * 3), "two at most"),
        (lambda: linalg.tensordot(np.eye(2), np.eye(3), 1), "axis 1 of a as long as axis 0 of b"),
        (
            lambda: linalg.matmul(
                tensor(np.ones((1 << 10, 1 << 10), np.int32)), np.ones((1 << 10, 1 << 10), np.int32)
            ),
            "1,073,741,824 products",
        ),
        (lambda: linalg.diagonal(np.eye(2), 0, 1, 1), "two different axes"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ShapeError, match=words) as error:
        call()
    error.match(REFUSED)


ACTIVATIONS = grid(Int8(unsigned=True), 0.5, 7)
WEIGHTS = grid(Int8(symmetric=True), 0.25)
COLUMNS = grid(Int8(symmetric=True, axis=-1), [0.25, 1.0, 2.0])


def quantised(g, shape, dtype):
    return tensor(Quantized(g, numbers(shape, dtype)))


@pytest.mark.parametrize("w", [WEIGHTS, COLUMNS], ids=["tensor", "columns"])
@pytest.mark.parametrize("lead", [(), (2,), (2, 2)])
def test_quantised_products(w, lead):
    """The sums of products of the numbers, exactly, whatever the zero point and the scales of columns."""
    x, y = quantised(ACTIVATIONS, (*lead, 5, 4), np.uint8), quantised(w, (4, 3), np.int8)
    got = linalg.matmul(x, y)
    assert got.format == "int32"
    want = x.numpy().astype(np.float64) @ y.numpy().astype(np.float64)
    assert np.array_equal(got.numpy(), want)
    turned = linalg.einsum("kn,...mk->n...m", y, x)
    assert np.array_equal(turned.numpy(), np.moveaxis(want, -1, 0))
    assert np.array_equal(
        linalg.einsum("...mk,kn->...n", x, y).numpy() if w is WEIGHTS else want.sum(-2), want.sum(-2)
    )


def test_quantised_products_refuse():
    x, y = quantised(ACTIVATIONS, (3, 3), np.uint8), quantised(COLUMNS, (3, 3), np.int8)
    plain = tensor(np.ones((3, 3), np.int8))
    for call in (
        lambda: linalg.matmul(x, plain),
        lambda: linalg.matmul(linalg.diagonal(y), y),
        lambda: linalg.matmul(y, y),
        lambda: linalg.einsum("ij,kj", x, y),
        lambda: linalg.matmul(tensor(np.ones((3, 3), np.float32)), x),
        lambda: linalg.matmul(linalg.matmul(x, y), linalg.matmul(x, y)),
    ):
        with pytest.raises(ShapeError, match=REFUSED):
            call()


X = np.random.default_rng(0).integers(-4, 5, (3, 4, 2)).astype(np.float32)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: linalg.matmul(np.ones((4, 4), np.float32), x),
        lambda x: linalg.einsum("abc,cd->da", x, np.array([[1, 2], [3, 4]])),
        lambda x: linalg.einsum("aab->b", x[:, :3]),
        lambda x: linalg.tensordot(x, np.ones((4, 2, 3), np.float32), 2),
        lambda x: linalg.kron(x, np.ones((2, 2))),
        lambda x: linalg.outer(x, [1.0, 2.0]),
        lambda x: linalg.diagonal(x, 1),
        lambda x: linalg.trace(x),
    ],
)
def test_gradients_are_adjoint(function):
    """<f(d), w> = <d, gradient of <f(x), w>> for a linear f, exactly in small integers."""
    w = np.arange(function(tensor(X)).size, dtype=np.float32).reshape(function(tensor(X)).shape)
    d = np.roll(X, 1)
    slope = grad(lambda x: (function(x) * w).sum())(tensor(X)).numpy()
    assert (function(tensor(d)).numpy() * w).sum() == (slope * d).sum()


def test_bfp16():
    """Within the rounding to 13 bits of each operand; the result as bfp16 or float32."""
    data = np.random.default_rng(3).integers(-30000, 30000, (2, 3, 3)).astype(np.int16)
    x, y = (tensor(Quantized(bfp16_grid(-9), d)) for d in data)
    exact = x.numpy().astype(np.float64) @ y.numpy().astype(np.float64)
    top = 3 * np.abs(x.numpy()).max() * np.abs(y.numpy()).max()
    for call in (linalg.matmul, linalg.dot, lambda a, b, **k: linalg.einsum("ij,jk", a, b, **k)):
        for form in (None, "bfp16", "float32"):
            got = call(x, y, format=form)
            assert got.format == (form or "bfp16")
            assert np.abs(got.numpy() - exact).max() < top * 2.0**-11
    assert linalg.outer(x, y).format == "bfp16"
    assert linalg.outer(x, y, format="float32").format == "float32"
    assert linalg.einsum("ii", x).format == "bfp16"
