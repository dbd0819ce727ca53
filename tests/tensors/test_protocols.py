"""NumPy's functions on tensors: those that give tensors, and the refusal of all others."""

import numpy as np
import pytest

from spinntensor.tensors.operands import tensor
from spinntensor.tensors.protocols import FUNCTIONS, METHODS, UFUNCS
from spinntensor.tensors.tensor import Tensor

A = np.float32([[1, 2, 3], [4, 5.5, -6]])
M = A[:, :2] > 2
TWO = {u for u in UFUNCS if u.nin == 2}
OF_CONDITIONS = {np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert}
CALLS = {
    "reshape": ((3, 2),), "transpose": (), "permute_dims": ((1, 0),), "swapaxes": (0, 1), "moveaxis": (0, 1),
    "ravel": (),
    "squeeze": (), "expand_dims": (1,), "broadcast_to": ((2, 2, 3),), "array_split": (2,), "split": (2,), "unstack": (),
    "pad": (1,), "flip": (), "fliplr": (), "flipud": (), "roll": (1,), "rot90": (), "repeat": (2, 0), "tile": (2,),
    "take": ([0, 1], 1), "diagonal": (), "trace": (), "zeros_like": (), "ones_like": (), "full_like": (2,), "tril": (),
    "triu": (), "diag": (), "sum": (0,), "prod": (), "cumsum": (1,), "mean": (1,), "average": (), "var": (), "std": (),
    "max": (), "min": (1,), "amax": (), "amin": (), "argmax": (), "argmin": (0,), "any": (), "all": (1,),
    "count_nonzero": (), "round": (), "around": (), "fix": (), "clip": (0, 3), "copy": (), "astype": (np.int8,),
    "shape": (), "ndim": (), "size": (), "isclose": (A,), "allclose": (A,), "array_equal": (A,),
    "inner": (A,), "dot": (A.T,),
    "outer": (A,), "kron": (A,), "vdot": (A,), "tensordot": (A.T, 1),
}  # fmt: skip
"""Arguments behind the tensor."""


def same(got, want):
    if isinstance(want, list | tuple) and not isinstance(got, tuple | list):
        return False
    if isinstance(want, list | tuple):
        return len(got) == len(want) and all(map(same, got, want))
    if isinstance(want, np.ndarray) and want.ndim:
        assert type(got) is Tensor
    return np.allclose(np.asarray(got), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ufunc", sorted(UFUNCS, key=str))
def test_ufuncs(ufunc):
    a, b = (M, ~M) if ufunc in OF_CONDITIONS else (np.abs(A), A * 2 + 30)
    if ufunc is np.matmul:
        b = b.T
    values = (a, b)[: ufunc.nin]
    want = ufunc(*values)
    for got in (ufunc(tensor(a), *values[1:]), ufunc(*map(tensor, values))):
        assert type(got) is (tuple if ufunc.nout > 1 else Tensor)
        assert same(got, want)
    if ufunc.nin > 1:
        assert same(ufunc(a, tensor(b)), want)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_functions(name):
    if not hasattr(np, name):
        pytest.skip(f"this NumPy has no {name}")
    function = getattr(np, name)
    assert function in FUNCTIONS
    x = np.trunc(A) if name == "astype" else A
    assert same(function(tensor(x), *CALLS[name]), function(x, *CALLS[name]))


def test_functions_of_several():
    x, y = tensor(A), tensor(A * 2)
    for name in ("concatenate", "concat", "stack", "vstack", "hstack"):
        if hasattr(np, name):
            assert same(getattr(np, name)([x, y]), getattr(np, name)([A, A * 2]))
            assert same(getattr(np, name)([A, y]), getattr(np, name)([A, A * 2]))
    assert same(np.where(M[:, :1], x, 0), np.where(M[:, :1], A, 0))
    assert same(np.where(tensor(A > 2), A, 0), np.where(A > 2, A, 0))
    assert same(np.einsum("ij,kj->ik", x, y), np.einsum("ij,kj->ik", A, A * 2))
    assert same(np.meshgrid(x[0], y[1]), np.meshgrid(A[0], A[1] * 2))
    assert same(np.broadcast_arrays(x, 1.0), np.broadcast_arrays(A, 1.0))
    assert same(
        np.take_along_axis(x, np.array([[0], [1]]), 1), np.take_along_axis(A, np.array([[0], [1]]), 1)
    )
    assert same(np.linalg.norm(x), np.linalg.norm(A))
    assert same(np.linalg.norm(x, axis=1, keepdims=True), np.linalg.norm(A, axis=1, keepdims=True))
    assert same(np.linalg.norm(x, "fro"), np.linalg.norm(A))
    assert same(np.linalg.norm(x[0], 2), np.linalg.norm(A[0], 2))


def test_every_function_is_tried():
    tried = {getattr(np, n, None) for n in CALLS} | {
        np.concatenate,
        np.stack,
        np.vstack,
        np.hstack,
        np.where,
        np.einsum,
    }
    tried |= {
        getattr(np, "concat", None),
        np.meshgrid,
        np.broadcast_arrays,
        np.take_along_axis,
        np.linalg.norm,
    }
    assert set(FUNCTIONS) <= tried


def test_keywords():
    x = tensor(A)
    assert same(np.sum(x, axis=1, keepdims=True), A.sum(1, keepdims=True))
    assert same(np.std(x, ddof=1), A.std(ddof=1))
    assert same(np.clip(x, a_min=0, a_max=2), A.clip(0, 2))
    assert np.zeros_like(x, dtype=np.int8).format == "int8"
    assert np.full_like(x, fill_value=3).tolist() == np.full_like(A, 3).tolist()


@pytest.mark.parametrize("key", sorted(METHODS, key=str))
def test_methods_of_ufuncs(key):
    ufunc, method = key
    a = M if ufunc in (np.logical_and, np.logical_or) else A
    assert same(getattr(ufunc, method)(tensor(a)), getattr(ufunc, method)(a))
    assert same(getattr(ufunc, method)(tensor(a), axis=1), getattr(ufunc, method)(a, axis=1))
    if method == "reduce":
        assert same(
            ufunc.reduce(tensor(a), axis=None, keepdims=True), ufunc.reduce(a, axis=None, keepdims=True)
        )
        assert same(ufunc.reduce(tensor(a), 1), ufunc.reduce(a, 1))


def test_arrays_and_numbers_on_the_left():
    x = tensor(A)
    for got, want in [
        (A + x, A + A),
        (np.float64(2) * x, 2 * A),
        (np.float32(1) / (x + 9), 1 / (A + 9)),
        (A.astype(np.float64) - x, A * 0),
        (x > A, A < A),
        (A.T @ x, A.T @ A),
        (M & tensor(M), M),
        (divmod(A, x)[0], A // A),
        (x == A, A == A),
    ]:
        assert type(got) is Tensor
        assert same(got, want)


@pytest.mark.parametrize(("call", "says"), [
    (lambda x: np.sort(x), "np.sort at test_protocols.py"),
    (lambda x: np.linalg.inv(x), "np.linalg.inv"),
    (lambda x: np.fft.fft(x), "np.fft.fft"),
    (lambda x: np.sin(x), "np.sin"),
    (lambda x: np.add(x, 1, out=np.zeros((2, 3), np.float32)), "np.add with out="),
    (lambda x: np.add(x, 1, where=np.array(True)), "np.add with where="),
    (lambda x: np.add(x, 1, dtype=np.float64), "np.add with dtype="),
    (lambda x: np.sum(x, dtype=np.float64), "np.sum with dtype="),
    (lambda x: np.sum(x, out=np.zeros(())), "np.sum with out="),
    (lambda x: np.sum(x, initial=3), "np.sum with initial="),
    (lambda x: np.reshape(x, (3, 2), order="F"), "np.reshape with order="),
    (lambda x: np.add.outer(x, x), "np.add.outer"),
    (lambda x: np.add.at(x, 0, 1), "np.add.at"),
    (lambda x: np.subtract.reduce(x), "np.subtract.reduce"),
    (lambda x: np.add.reduce(x, initial=1), "np.add.reduce with initial="),
    (lambda x: np.linalg.norm(x, 1), "ord=1"),
    (lambda x: np.bitwise_and(tensor([1]), 1), "bitwise"),
])  # fmt: skip
def test_refusals(call, says):
    with pytest.raises(TypeError, match=rf"(?s){says}.*is not defined for tensors.*np\.asarray"):
        call(tensor(A))


def test_arrays_are_never_written_by_chance():
    a = A.copy()
    with pytest.raises(TypeError, match="out="):
        a += tensor(A)
    assert np.array_equal(a, A)


def test_names_that_are_close_are_offered():
    with pytest.raises(TypeError, match=r"there are .*np\.sign"):
        np.sin(tensor(A))


def test_conversion_is_a_word_away():
    x = tensor(A)
    assert np.array_equal(np.sort(np.asarray(x)), np.sort(A))
    np.testing.assert_array_equal(x, A)
    np.testing.assert_allclose(x + 1, A + 1)
