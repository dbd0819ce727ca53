"""What becomes one stage and what does not; no cycles, no map too wide, the same every time."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spinntensor as sp
from spinntensor.errors import UnsupportedError
from spinntensor.graph import TensorType
from spinntensor.graph.builder import Builder
from spinntensor.lower import lower
from spinntensor.lower.fuse import FREE, LIVE
from spinntensor.lower.kinds import KINDS, MAP
from spinntensor.lower.tilings import TILINGS
from spinntensor.ops import RULES


def graph_of(function, *shapes):
    return sp.compile(function).graph(*(sp.tensor(np.ones(s, np.float32)) for s in shapes))


def stages(function, *shapes):
    """(kind, operations) of each stage."""
    lowered = lower(graph_of(function, *shapes))
    return [
        (s.kind, [lowered.graph[i].op for i in s.nodes if lowered.graph[i].op not in FREE])
        for s in lowered.stages
    ]


def test_a_chain_is_one_map():
    found = stages(lambda x, y: sp.where(x > y, sp.exp(x) * 2.0, sp.tanh(y) + 1.0), (4, 5), (4, 5))
    assert found == [("map", found[0][1])] and sorted(found[0][1]) == sorted(
        ["greater", "exp", "multiply", "tanh", "add", "where"]
    )


def test_repeated_vectors_are_read_as_they_are():
    lowered = lower(graph_of(lambda x, b: sp.relu(x + b), (4, 5), (5,)))
    (stage,) = lowered.stages
    assert {lowered.graph[i].type.shape for i in stage.inputs} == {(4, 5), (5,)}


def test_a_reduction_takes_what_it_alone_reads():
    assert stages(lambda x: sp.sum(x * x), (4, 5)) == [("reduce", ["multiply", "sum"])]
    found = stages(lambda x: [sp.sum(sp.exp(x)), sp.exp(x)], (4, 5))
    assert sorted(found) == [("map", ["exp"]), ("reduce", ["sum"])]


def test_what_lies_between_parts_a_map():
    """x - sum(exp(x)): the subtraction needs the sum, so it cannot be with the exponential."""
    found = stages(lambda x: sp.exp(x) - sp.sum(sp.exp(x)), (4, 5))
    assert [kind for kind, _ in found] == ["map", "reduce", "map"]


def test_maps_that_meet_become_one():
    found = stages(lambda x, y: sp.exp(x) + sp.tanh(y), (4, 5), (4, 5))
    assert [kind for kind, _ in found] == ["map"]


def test_views_are_no_work():
    lowered = lower(graph_of(lambda x: sp.reshape(sp.exp(x), (6, 4)) @ sp.reshape(x, (4, 6)), (2, 12)))
    assert [s.kind for s in lowered.stages] == ["map", "matmul"]
    exp, x = lowered.stages[0].results[0], lowered.stages[0].inputs[0]
    assert [lowered.home(i) for i in lowered.stages[1].inputs] == [exp, x]


def test_results_of_several_shapes_are_left_in_one():
    """[4,5] and [1,4,5] from one map: the second is a view of what is left."""

    def function(x):
        y = sp.exp(x)
        return [y, sp.tanh(sp.reshape(y, (1, 4, 5)))]

    lowered = lower(graph_of(function, (4, 5)))
    (stage,) = lowered.stages
    assert {lowered.graph[i].type.shape for i in stage.results} == {(4, 5)} and len(stage.results) == 2
    assert {lowered.home(i) for i in lowered.graph.outputs} == set(stage.results)


def test_an_epilogue_follows_alone():
    b = Builder(RULES)
    x, w = b.input("x", TensorType((1, 4, 4, 2), "uint8")), b.input("w", TensorType((1, 1, 2, 3), "int8"))
    g = {"stride": (1, 1), "dilation": (1, 1), "padding": (0, 0, 0, 0), "groups": 1}
    acc = b.add("conv2d", x, w, x_zero=0, **g)
    one = [b.input(name, TensorType((3,), "int32")) for name in "bmp"]
    y = b.add("requantize", acc, *one, format="uint8", zero=0, low=0, high=255, axis=3)
    assert [s.kind for s in lower(b.graph((y,))).stages] == ["conv2d"]
    assert [s.kind for s in lower(b.graph((y, acc))).stages] == ["conv2d", "map"]


@st.composite
def random_graphs(draw):
    """Element-wise operations, sums and products of [3,3] matrices, in any order."""
    b = Builder(RULES)
    known = [b.input(f"x{i}", TensorType((3, 3), "float32")) for i in range(draw(st.integers(1, 15)))]
    for _ in range(draw(st.integers(1, 30))):
        one, other = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        kind = draw(st.integers(0, 6))
        if kind < 4:
            known.append(b.add(("add", "multiply", "maximum", "subtract")[kind], one, other))
        elif kind == 4:
            total = b.add("sum", one, axes=(1,))
            column = b.add("reshape", total, shape=(3, 1))
            known.append(b.add("broadcast_to", column, shape=(3, 3)))
        else:
            known.append(b.add("matmul", one, other))
    return b.graph(tuple(draw(st.lists(st.sampled_from(known), min_size=1, max_size=4))))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(random_graphs())
def test_stages_of_any_graph(graph):
    lowered = lower(graph)
    made = {n.id for n in lowered.graph.nodes if n.op in ("input", "constant", "variable")}
    computed = []
    for number, stage in enumerate(lowered.stages):
        assert stage.number == number and stage.kind in KINDS and stage.results
        assert all(lowered.home(i) in made for i in stage.inputs), "operands come first"
        assert all(lowered.graph[i].type.shape == tuple(a.size for a in stage.axes) for i in stage.results)
        made.update(stage.results)
        computed += [i for i in stage.nodes if lowered.graph[i].op not in FREE]
        if stage.kind == MAP:
            full = [i for i in stage.inputs if lowered.graph[i].type.shape == (3, 3)]
            assert len(full) + len(stage.results) <= LIVE
    assert all(lowered.home(i) in made for i in lowered.graph.roots)
    assert len(set(computed)) == len(computed), "nothing is computed in two stages"
    assert len({s.name for s in lowered.stages}) == len(lowered.stages)
    again = lower(graph)
    assert again.stages == lowered.stages and again.alias == lowered.alias


def test_all_unsupported_operations_are_named():
    b = Builder(RULES)
    x = b.input("x", TensorType((3,), "float32"))
    graph = b.graph((b.add("exp", b.add("tanh", x, source="m.py:4"), source="m.py:5"),))
    few = {name: t for name, t in TILINGS.items() if name not in ("exp", "tanh")}
    with pytest.raises(UnsupportedError) as refused:
        lower(graph, tilings=few)
    assert refused.value.operations == (("tanh", "m.py:4"), ("exp", "m.py:5"))
    unknown = replace(graph, nodes=tuple(replace(n, op="fft") if n.op == "exp" else n for n in graph.nodes))
    with pytest.raises(UnsupportedError, match=r"fft at m\.py:5"):
        lower(unknown)
    assert [s.kind for s in lower(graph).stages] == ["map"]
