"""Graphs: text round trip, verification, exact passes."""

from dataclasses import replace

import numpy as np
import pytest
from graph.graphs import RULES, RUN, TYPES, graphs, run
from hypothesis import given, settings

from spinntensor.errors import GraphError, ParseError
from spinntensor.graph import (
    CONSTANT,
    INPUT,
    VARIABLE,
    Graph,
    Node,
    TensorType,
    parse_graph,
    print_graph,
    verify,
)
from spinntensor.graph.passes import FOLDED_BYTES, common_subexpressions, dead_code, fold_constants
from spinntensor.kernels.kernel import equal_bits

FLOAT = TYPES[0]


def small():
    """x * 2 + c, and a variable that takes it."""
    nodes = (
        Node(0, INPUT, (), FLOAT, (("name", "x"),), "model.py:3"),
        Node(1, CONSTANT, (), FLOAT),
        Node(2, VARIABLE, (), FLOAT, (("name", "w"),)),
        Node(3, "scale", (0,), FLOAT, (("by", 2.0),), "model.py:4"),
        Node(5, "add", (3, 1), FLOAT, (), "model.py:5"),
    )
    return Graph(nodes, (5,), ((2, 5),), {1: np.ones((2, 3), np.float32)})


def values(graph, seed=0):
    rng = np.random.default_rng(seed)
    kinds = {True: np.int8, False: np.float32}
    sources = [n for n in graph.nodes if n.op in (INPUT, VARIABLE)]
    return {
        n.id: rng.integers(-9, 9, n.type.shape).astype(kinds[n.type.format.startswith("int8")])
        for n in sources
    }


@settings(max_examples=60, deadline=None, derandomize=True)
@given(graphs())
def test_text_round_trip(graph):
    text = print_graph(graph)
    again = parse_graph(text)
    assert again.nodes == graph.nodes and again.outputs == graph.outputs and again.updates == graph.updates
    assert again.constants.keys() == graph.constants.keys()
    assert all(equal_bits(again.constants[i], graph.constants[i]) for i in graph.constants)
    assert print_graph(verify(again, RULES)) == text


@settings(max_examples=60, deadline=None, derandomize=True)
@given(graphs())
def test_passes_keep_every_bit_and_every_id(graph):
    given_values = values(graph)
    expected, updated = run(graph, given_values)
    for change in (dead_code, common_subexpressions, lambda g: dead_code(common_subexpressions(g))):
        changed = verify(change(graph), RULES)
        got, now = run(changed, given_values)
        assert all(equal_bits(a, b) for a, b in zip(got, expected, strict=True))
        assert now.keys() == updated.keys() and all(equal_bits(now[v], updated[v]) for v in now)
        assert all(replace(graph[n.id], inputs=n.inputs) == n for n in changed.nodes)
        assert print_graph(change(changed)) == print_graph(changed)


def compute(node, operands):
    with np.errstate(all="ignore"):
        return np.asarray(RUN[node.op](*operands, **dict(node.attributes)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(graphs())
def test_folding_keeps_every_bit(graph):
    given_values = values(graph)
    expected, updated = run(graph, given_values)
    folded = verify(fold_constants(graph, compute), RULES)
    got, now = run(folded, given_values)
    assert all(equal_bits(a, b) for a, b in zip(got, expected, strict=True))
    assert now.keys() == updated.keys() and all(equal_bits(now[v], updated[v]) for v in now)
    assert not any(n.inputs and all(i in folded.constants for i in n.inputs) for n in folded.nodes)
    assert fold_constants(folded, compute) is folded


def test_what_must_be_reported_or_would_grow_is_not_folded():
    c = Node(0, CONSTANT, (), FLOAT)
    twice = Node(1, "scale", (0,), FLOAT, (("by", 2.0),))
    graph = Graph((c, twice), (1,), (), {0: np.ones((2, 3), np.float32)})
    assert fold_constants(graph, lambda *_: None) is graph
    large = np.zeros(FOLDED_BYTES // 4 + 1, np.float32)
    assert fold_constants(graph, lambda *_: large) is graph
    folded = fold_constants(graph, compute)
    assert [n.op for n in dead_code(folded).nodes] == [CONSTANT] and (folded.constants[1] == 2).all()
    with pytest.raises(ValueError, match="read-only"):
        folded.constants[1][:] = 0


def test_repeated_work_is_done_once_and_unused_work_not_at_all():
    x = Node(0, INPUT, (), FLOAT, (("name", "x"),))
    twice = [Node(i, "scale", (0,), FLOAT, (("by", 2.0),)) for i in (1, 2)]
    other = Node(3, "scale", (0,), FLOAT, (("by", 3.0),))
    both = Node(4, "add", (1, 2), FLOAT)
    graph = common_subexpressions(Graph((x, *twice, other, both), (4,)))
    assert [n.id for n in graph.nodes] == [0, 1, 3, 4] and graph[4].inputs == (1, 1)
    assert [n.id for n in dead_code(graph).nodes] == [0, 1, 4]


def test_the_text_is_for_people():
    assert print_graph(small(), data=False) == (
        '%0 = input {"name":"x"} : [2,3] float32  # model.py:3\n'
        "%1 = constant : [2,3] float32\n"
        '%2 = variable {"name":"w"} : [2,3] float32\n'
        '%3 = scale %0 {"by":2.0} : [2,3] float32  # model.py:4\n'
        "%5 = add %3 %1 : [2,3] float32  # model.py:5\n"
        "update %2 = %5\n"
        "return %5\n"
    )


def test_users_and_inputs():
    graph = small()
    assert graph.users == {0: (3,), 1: (5,), 2: (), 3: (5,), 5: ()}
    assert [n.id for n in graph.inputs] == [0] and graph.next_id == 6 and 4 not in graph
    assert graph[3].attribute("by") == 2.0 and FLOAT.size == 6


@pytest.mark.parametrize(
    "change,complaint",
    [
        (lambda g: replace(g, nodes=(*g.nodes, g.nodes[0])), "another node has this id"),
        (lambda g: replace(g, nodes=g.nodes[::-1]), "operands come first"),
        (lambda g: replace(g, outputs=(9,)), "no such node"),
        (lambda g: replace(g, constants={}), "no value, expected an array of shape"),
        (lambda g: replace(g, constants={1: np.ones(3, np.float32)}), "a value of shape"),
        (lambda g: replace(g, updates=((0, 5),)), "not a variable"),
        (lambda g: replace(g, updates=((2, 5), (2, 3))), "one new value for each variable"),
        (lambda g: replace(g, updates=((2, 7),)), "a new value: no such node"),
        (lambda g: replace(g, nodes=(*g.nodes, Node(6, "fly", (0,), FLOAT))), "an operation without a rule"),
        (
            lambda g: replace(
                g, nodes=(*g.nodes, Node(6, "add", (0, 0), TensorType((3,), "float32"), (), "m.py:9"))
            ),
            r"%6 \(add\) from m.py:9: received type \[3\] float32, expected \[2,3\] float32",
        ),
        (
            lambda g: replace(g, nodes=(*g.nodes, Node(6, "scale", (0,), FLOAT, (("z", 1), ("by", 2))))),
            "sorted by name",
        ),
    ],
)
def test_verify_names_what_is_wrong(change, complaint):
    verify(small(), RULES)
    with pytest.raises(GraphError, match=complaint):
        verify(change(small()), RULES)


@pytest.mark.parametrize(
    "text,line,complaint",
    [
        ("%0 = input : [2] float32\n", 2, "return"),
        ("hello\nreturn\n", 1, "a node, `update`"),
        ("%0 = scale {by} : [2] float32\nreturn\n", 1, "JSON object"),
        ("%0 = constant : [2] float32\nreturn %0\ndata %0 <f4 AAAA\n", 3, "fill a constant's shape"),
        ("return\nreturn\n", 2, "one `return`"),
    ],
)
def test_parse_names_the_line(text, line, complaint):
    with pytest.raises(ParseError, match=complaint) as caught:
        parse_graph(text)
    assert caught.value.line == line
