"""The tensor itself: operators, methods, values, printing, conversion, refusals; and what is computed when."""

import copy
import math
import operator
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import ShapeError, TraceError
from spinntensor.formats import Int8, grid, quantize
from spinntensor.graph.graph import TensorType
from spinntensor.kernels.kernel import equal_bits
from spinntensor.tensors.elementwise import astype
from spinntensor.tensors.expression import placeholder
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.tensor import Tensor

A = np.float32([[1, -2, 3], [4, 5.5, -6]])
ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod")
ORDER = ("lt", "le", "gt", "ge", "eq", "ne")
LOGIC = ("and_", "or_", "xor")


def quantized(*values):
    return tensor(quantize(np.float32(values), grid(Int8(), 0.5, 3))[0])


class TestOperators:
    @pytest.mark.parametrize("name", ARITHMETIC + ORDER)
    @pytest.mark.parametrize("other", [2, 2.5, A[0], A.tolist(), np.float64(3), tensor(A[1]), np.int64(2)])
    def test_pairs(self, name, other):
        function = getattr(operator, name)
        number = np.asarray(other)
        got = function(tensor(A), other)
        assert type(got) is Tensor
        assert np.allclose(got.numpy(), function(A, number), rtol=1e-6)
        assert np.allclose(function(other, tensor(A)).numpy(), function(number, A), rtol=1e-6)

    @pytest.mark.parametrize("name", LOGIC)
    def test_logic(self, name):
        function = getattr(operator, name)
        x, y = A > 0, A > 4
        for got in (function(tensor(x), tensor(y)), function(x, tensor(y)), function(tensor(x), y)):
            assert np.array_equal(got.numpy(), function(x, y))
        assert np.array_equal((~tensor(x)).numpy(), ~x)
        assert np.array_equal((True & tensor(x)).numpy(), x)
        for wrong in (lambda: tensor(A) & tensor(x), lambda: tensor(x) | 1, lambda: ~tensor([1])):
            with pytest.raises(ShapeError, match=r"test_tensor.py:\d+: received format .*compare first"):
                wrong()

    def test_single(self):
        x = tensor(A)
        for got, want in [
            (-x, -A), (+x, A), (abs(x), abs(A)), (round(x), np.round(A)), (math.floor(x), np.floor(A)), (x**2, A**2),
            (math.ceil(x), np.ceil(A)), (math.trunc(x), np.trunc(A)), (round(x / 3, 1), np.round(A / 3, 1)),
            (2**x, 2**A), (x @ A.T, A @ A.T), (A @ x.T, A @ A.T), (A.T.tolist() @ x, A.T @ A),
        ]:  # fmt: skip
            assert np.allclose(got.numpy(), want, rtol=1e-6)
        assert [v.tolist() for v in divmod(x, 2)] == [v.tolist() for v in divmod(A, np.float32(2))]
        assert [v.tolist() for v in divmod(7, tensor([2]))] == [[3], [1]]

    def test_in_place_operators_make_new_tensors(self):
        x = y = tensor(A)
        x += 1
        assert x is not y
        assert equal_bits(y.numpy(), A)
        assert equal_bits(x.numpy(), A + 1)

    def test_equality_with_what_is_no_number(self):
        x = tensor(A)
        assert (x == None) is False  # noqa: E711  # what is asked here
        assert (x != "a") is True
        assert x in {x: 1}
        assert len({x, tensor(A)}) == 2

    def test_wrong_operands(self):
        x = tensor(A)
        for wrong in (None, "a", object(), [1, [2]], {1}, 1j):
            with pytest.raises(ShapeError, match=r"add at test_tensor.py:\d+: received"):
                x + wrong
        with pytest.raises(ShapeError, match=r"\(2, 3\) and \(2,\).*axis -1.*3"):
            x * tensor([1.0, 2])


class TestMethods:
    @pytest.mark.parametrize(
        "name", ["sum", "mean", "var", "std", "max", "min", "argmax", "argmin", "prod", "cumsum"]
    )
    @pytest.mark.parametrize("axis", [None, 0, -1])
    def test_along_axes(self, name, axis):
        got, want = getattr(tensor(A), name)(axis), getattr(A, name)(axis)
        assert np.allclose(got.numpy(), want)
        assert np.allclose(getattr(tensor(A), name)(axis=axis).numpy(), want)

    @pytest.mark.parametrize(("name", "values"), [
        ("reshape", (3, 2)), ("reshape", ((3, -1),)), ("reshape", (-1,)), ("transpose", ()), ("transpose", (1, 0)),
        ("transpose", ((1, 0),)), ("ravel", ()), ("flatten", ()), ("squeeze", ()), ("swapaxes", (0, 1)),
        ("repeat", (2, 1)), ("take", ([0, 2], 1)), ("clip", (-1, 3)), ("round", ()), ("dot", (A.T,)), ("diagonal", ()),
        ("trace", ()), ("any", ()), ("all", (0,)), ("tolist", ()), ("item", (4,)), ("item", (0, 1)),
        ("astype", (np.float64,)),
    ])  # fmt: skip
    def test_others(self, name, values):
        got, want = getattr(tensor(A), name)(*values), getattr(A, name)(*values)
        assert np.array_equal(np.asarray(got), want)

    def test_facts(self):
        x = tensor(A)
        assert (x.shape, x.ndim, x.size, x.format, x.dtype, len(x)) == (
            (2, 3),
            2,
            6,
            "float32",
            np.float32,
            2,
        )
        assert np.array_equal(x.T.numpy(), A.T)
        assert np.array_equal(x.reshape(1, 2, 3).mT.numpy(), A.T[None])


class TestValues:
    def test_single_elements(self):
        x = tensor([[2.5]])
        assert (float(x), int(x), bool(x), x.item(), f"{x.sum():.3f}") == (2.5, 2, True, 2.5, "2.500")
        assert [10, 20, 30][tensor(1)] == 20
        assert list(range(tensor(3))) == [0, 1, 2]
        assert operator.index(tensor([1, 2]).argmax()) == 1
        if tensor(0.0):
            raise AssertionError

    @pytest.mark.parametrize("ask", [bool, float, int, complex, operator.index])
    def test_more_than_one(self, ask):
        with pytest.raises((ShapeError, TypeError)):
            ask(tensor(A))

    def test_no_index(self):
        for wrong in (tensor(1.0), tensor(True), tensor([1]), quantized(1)[0]):
            with pytest.raises(ShapeError, match=r"__index__ at test_tensor.py:\d+.*use int"):
                operator.index(wrong)

    def test_iteration(self):
        assert [v.tolist() for v in tensor(A)] == A.tolist()
        assert [v.item() for v in tensor([1, 2])] == [1, 2]
        a, b = tensor(A)
        assert a.shape == b.shape == (3,)
        assert 5.5 in tensor(A)
        assert 7 not in tensor(A)
        for ask in (len, iter, list):
            with pytest.raises(TypeError, match=r"shape \(\)"):
                ask(tensor(1.0))

    def test_arrays(self):
        x = tensor(A) + 0
        assert np.asarray(x).dtype == np.float32
        assert np.asarray(x) is not A
        assert np.asarray(x, np.float64).dtype == np.float64
        assert np.array(x).flags.writeable
        assert not np.asarray(x).flags.writeable
        assert np.shares_memory(np.asarray(x), x.numpy())
        assert np.array(x, copy=False).shape == (2, 3)
        with pytest.raises(ValueError, match="copy"):
            np.array(x, np.float64, copy=False)
        assert np.stack([np.asarray(x), A]).shape == (2, 2, 3)

    def test_quantised_values_are_what_they_stand_for(self):
        x = quantized(1, 2.5)
        assert (x.dtype, x.tolist(), float(x[1])) == (np.float32, [1, 2.5], 2.5)
        assert x.quantized().data.tolist() == [5, 8]
        assert astype([1.0], "bfp16").quantized().data.dtype == np.int16
        with pytest.raises(ShapeError, match=r"quantized at test_tensor.py:\d+"):
            tensor(A).quantized()

    @settings(max_examples=20)
    @given(shape=st.lists(st.integers(0, 3), max_size=3), step=st.sampled_from([1, 2, -1, -2]))
    def test_all_kinds_of_memory(self, shape, step):
        x = np.random.default_rng(0).standard_normal([2 * s for s in shape]).astype(np.float32)
        x = x[(slice(None, None, step),) * x.ndim].T
        assert equal_bits(tensor(x).numpy(), np.ascontiguousarray(x).reshape(x.shape))
        assert equal_bits((tensor(x) * 2).T.numpy().copy(), (x * np.float32(2)).T.copy())

    @pytest.mark.parametrize(
        "dtype", ["float64", "float16", "int64", "int16", "uint16", "bool", "int8", "uint8", ">f4", "<i8"]
    )
    def test_numpys_types(self, dtype):
        x = tensor(np.arange(2).astype(dtype))
        kept = {"bool": "bool", "int8": "int8", "uint8": "uint8"}
        assert x.format == kept.get(dtype, "float32" if "f" in dtype and dtype != "bool" else "int32")
        assert x.tolist() == [0, 1]


class TestPrinting:
    def test_values_and_formats(self):
        assert repr(tensor([1, 2])) == "tensor([1, 2], int32)"
        assert repr(tensor([[1.0], [2.5]])) == "tensor([[1. ],\n        [2.5]], float32)"
        assert str(tensor([1.5, 2])) == "[1.5 2. ]"
        assert repr(tensor(3)) == "tensor(3, int32)"
        assert repr(quantized(1)) == "tensor([1.], int8, scale 0.5, zero point 3)"
        assert repr(tensor(np.zeros((0, 3)))) == "tensor([], shape=(0, 3), float32)"
        assert len(repr(tensor(np.zeros((500, 500))))) < 500
        assert f"{tensor([1, 2])}" == "[1 2]"

    def test_traced_ones_have_no_value(self):
        x = Tensor(placeholder(TensorType((2, 3), "float32"))) * 2
        assert repr(x) == "tensor(<traced>, shape=(2, 3), float32)"
        assert str(x) == repr(x)
        for ask in (bool, float, np.asarray, lambda v: v.tolist()):
            with pytest.raises((TraceError, ShapeError), match=r"test_tensor.py:\d+"):
                ask(x if ask not in (bool, float) else x.sum())


class TestLife:
    def test_elements_are_not_assigned(self):
        x = tensor(A)
        with pytest.raises(ShapeError, match=r"__setitem__ at test_tensor.py:\d+.*never change.*st\.where"):
            x[0] = 1
        with pytest.raises(AttributeError):
            x.anything = 1

    def test_copies_hold_the_value(self):
        for x in (tensor(A) * 2, tensor([True]), quantized(1, 2), astype(A, "bfp16"), tensor(3)):
            for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
                assert type(y) is Tensor
                assert (y.format, y.shape, y.tolist()) == (x.format, x.shape, x.tolist())
                assert (y.grid is None) == (x.grid is None)

    def test_nothing_is_computed_before_it_is_asked_for(self):
        x = tensor(A)
        y = x * 2 + 1
        z = y.sum()
        assert y.node.value is None
        assert z.item() == (A * 2 + 1).sum()
        assert y.node.value is not None  # it is still named, and so was kept
        assert y.node.operands == ()

    def test_long_chains(self):
        x = one = tensor([1.0])
        for _ in range(3 * sys.getrecursionlimit()):
            x = x + one
        assert x.item() == 3 * sys.getrecursionlimit() + 1
        del x

    def test_a_long_chain_can_be_forgotten(self):
        x = tensor([1.0])
        for _ in range(50_000):
            x = x * 1.0
        del x
