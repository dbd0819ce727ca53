"""The rewritten graph: the host executor gives the same bits and counts, ids and source lines stay."""

import numpy as np
from cutting import same
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.graph import TensorType, verify
from spinntensor.graph.builder import Builder
from spinntensor.lower.legalise import legalise
from spinntensor.lower.operations import LOWERED, LOWERED_RULES
from spinntensor.machine.host import execute, prepare
from spinntensor.ops import RULES


def network(size, form):
    """x @ w, convolved: everything of bfp16, with one exponent, several, and random rounding."""
    b = Builder(RULES)
    x = b.input("x", TensorType((2, 4, 5, size), "float32"))
    w = b.variable("w", TensorType((3, 3, size, 4), "float32"))
    step = b.input("step", TensorType((), "int64"))
    q = b.add("quantize_bfp16", x, axis=None, source="a.py:1")
    by = b.add("quantize_bfp16", w, axis=3, source="a.py:2")
    noisy = b.add("quantize_bfp16", x, step, axis=None, seed=4)
    g = {"stride": (1, 1), "dilation": (1, 1), "padding": (1, 1, 1, 1), "groups": 1}
    y = b.add("conv2d", q, by, format=form, source="a.py:3", **g)
    z = b.add("conv2d", noisy, by, format=form, **g)
    outputs = [y, z, by]
    if form == "bfp16":
        outputs.append(b.add("conv2d_weight", q, z, kernel=(3, 3), format="bfp16", **g))
    return verify(b.graph(tuple(outputs), ((w, w),)), RULES), (x, w, step)


@given(
    st.integers(1, 3),
    st.sampled_from(["float32", "bfp16"]),
    st.integers(0, 50),
    st.sampled_from([1, 1e-36, 1e37]),
)
def test_bits_and_counts(size, form, seed, scale):
    graph, (x, w, step) = network(size, form)
    rng = np.random.default_rng(seed)
    values = {x: rng.standard_normal(graph[x].type.shape), w: rng.standard_normal(graph[w].type.shape)}
    values = {i: (v * scale).astype(np.float32) for i, v in values.items()} | {
        step: np.asarray(seed, np.int64)
    }
    want = execute(prepare(graph), values)
    got = execute(prepare(legalise(graph), LOWERED), values)
    assert all(same(a, b) for a, b in zip(got.outputs, want.outputs, strict=True))
    assert got.counts == want.counts


def test_ids_and_sources_stay():
    graph, _ = network(2, "bfp16")
    new = verify(legalise(graph), LOWERED_RULES)
    for node in graph.nodes:
        assert new[node.id].source == node.source and new[node.id].type == node.type
    assert new.outputs == graph.outputs and new.updates == graph.updates
    ops = [node.op for node in new.nodes]
    assert not {"quantize_bfp16", "conv2d"} & set(ops)
    assert ops.count("largest") == 2, "x is looked at once"
    assert ops.count("mantissa") == 1, "only random rounding leaves the largest mantissa open"


def test_what_needs_no_change_is_kept():
    b = Builder(RULES)
    x = b.input("x", TensorType((3, 3), "float32"))
    graph = b.graph((b.add("matmul", x, b.add("exp", x)),))
    assert legalise(graph).nodes == graph.nodes
