"""Compiled functions: the bits of the function itself, traced once a kind, variables, captured values, errors."""

import numpy as np
import pytest

import spinntensor as st
from spinntensor.errors import NumericWarning, TraceError
from spinntensor.graph import parse_graph, print_graph
from spinntensor.kernels.kernel import equal_bits

X = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)


def test_the_bits_are_those_of_the_function():
    def function(x, w):
        return st.tanh(x @ w) * 2 + st.sum(x), [w.T, {"x": x}]

    x, w = st.tensor(X), st.tensor(X.T)
    want, (t, d) = function(x, w)
    got, (gt, gd) = st.compile(function)(x, w)
    assert equal_bits(got.numpy(), want.numpy()) and equal_bits(gt.numpy(), t.numpy())
    assert equal_bits(gd["x"].numpy(), d["x"].numpy())


def test_traced_once_for_each_kind_of_operands():
    traces = []

    @st.compile
    def function(x, scale, axis=0):
        """Its words."""
        traces.append(x.shape)
        return st.sum(x * scale, axis=axis)

    for scale in (1.0, 2.0, 3.5):
        np.testing.assert_allclose(function(X, scale).numpy(), (X * np.float32(scale)).sum(0), rtol=1e-6)
    assert len(traces) == 1
    function(X, 1.0, axis=1)
    function(X[:2], 1.0)
    function(st.tensor(X), 1.0)
    assert traces == [(3, 4), (3, 4), (2, 4)] and function.__doc__ == "Its words."


def test_variables_are_read_and_assigned_at_each_call():
    w, n = st.Variable([1.0, 2.0]), st.Variable(0)

    @st.compile
    def step(x):
        old = w * 1
        w.assign(w + x)
        n.assign(n + 1)
        return old, w * 10

    for i in range(3):
        old, now = step(st.tensor([1.0, 1.0]))
        assert old.numpy().tolist() == [1 + i, 2 + i] and now.numpy().tolist() == [20 + 10 * i, 30 + 10 * i]
    assert w.numpy().tolist() == [4, 5] and int(n) == 3
    w.assign([0.0, 0.0])
    assert step(st.tensor([1.0, 1.0]))[0].numpy().tolist() == [0, 0]


def test_a_variable_may_be_an_operand():
    step = st.compile(lambda v, x: v.assign(v + x) * 1)
    v, w = st.Variable([1.0]), st.Variable([10.0])
    assert step(v, [1.0][0]).numpy() == 2 and step(w, 1.0).numpy() == 11
    assert v.numpy() == 2 and w.numpy() == 11


def test_lazy_operands_and_captured_tensors():
    x, late = st.tensor(X), st.exp(st.tensor(X))
    function = st.compile(lambda a: a + late + x)
    assert equal_bits(function(x * 2).numpy(), (x * 2 + late + x).numpy())
    held = st.quantize(x, "bfp16")
    product = st.compile(lambda a: st.matmul(a, held, format="float32"))
    eight = st.quantize(st.tensor(X.T), "bfp16")
    assert equal_bits(product(eight).numpy(), st.matmul(eight, held, format="float32").numpy())


def test_compiled_within_compiled():
    inner = st.compile(lambda x: x * 2)
    outer = st.compile(lambda x: inner(x) + 1)
    assert outer(1.5).numpy() == 4
    slope = st.compile(lambda x: st.grad(lambda y: inner(y) * y)(x))
    assert slope(3.0).numpy() == 12


@pytest.mark.parametrize("ask", [bool, float, np.asarray, lambda t: t.numpy(), lambda t: t.tolist()])
def test_values_are_not_known_inside(ask):
    with pytest.raises(TraceError, match=r"test_compile.py:\d+ while a function is traced"):
        st.compile(lambda x: x * ask(x))(2.0)


def test_a_leaked_tensor_is_refused():
    kept = []
    st.compile(lambda x: kept.append(x * 2))(1.0)
    with pytest.raises(TraceError):
        kept[0].numpy()
    with pytest.raises(TraceError):
        st.compile(lambda y: y + kept[0])(1.0)


def test_the_graph_is_there_to_look_at():
    function = st.compile(lambda x: st.exp(x) + st.exp(x))
    graph = function.graph(X)
    assert [n.op for n in graph.nodes] == ["input", "exp", "add"]
    assert print_graph(parse_graph(print_graph(graph))) == print_graph(graph)
    assert all(n.source.startswith("test_compile.py:") for n in graph.nodes)
    assert "<svg" in graph.show().svg


def test_what_happens_to_numbers_is_reported_at_each_call():
    function = st.compile(lambda x: x * 3e38)
    for _ in range(2):
        with pytest.warns(NumericWarning, match=r"multiply at test_compile.py:\d+: 1 results overflowed"):
            assert np.isinf(function(X.flat[0] * 0 + 10).numpy())
    with st.counting() as counts:
        function(10.0)
        function(np.float32([20, 0, 30]))
    assert counts["overflowed"] == 3 and counts["saturated"] == 0 and "multiply at" in str(counts)
    with pytest.raises(KeyError, match="there are overflowed"):
        counts["over"]


def test_results_that_are_no_tensors_pass_through():
    assert st.compile(lambda x: (None, "name", 3))(1.0) == (None, "name", 3)
