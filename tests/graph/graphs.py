"""Random graphs over a handful of operations with simple rules, for the tests of the graph itself."""

import numpy as np
from hypothesis import strategies as st

from spinntensor.graph import CONSTANT, INPUT, VARIABLE, Graph, Node, TensorType


def same(operands, attributes):
    """Element-wise: all operands of one type."""
    if len(set(operands)) != 1:
        raise ValueError(f"operands {operands} differ")
    return operands[0]


def scaled(operands, attributes):
    """One operand, and a number."""
    float(attributes["by"])
    return same(operands, attributes)


def total(operands, attributes):
    """All elements of one operand."""
    return TensorType((), operands[0].format)


RULES = {"add": same, "mul": same, "scale": scaled, "total": total}
TYPES = (
    TensorType((2, 3), "float32"),
    TensorType((), "float32"),
    TensorType((4,), "int8(scale=0.5,zero=-3)"),
)
RUN = {
    "add": lambda a, b, **_: a + b,
    "mul": lambda a, b, **_: a * b,
    "scale": lambda a, by, **_: a * a.dtype.type(by if a.dtype.kind == "f" else min(by, 3)),
    "total": lambda a, **_: a.sum(dtype=a.dtype),
}


@st.composite
def graphs(draw, most=12):
    """A sound graph with inputs, variables, constants, repeated and unused nodes."""
    nodes, constants, number = [], {}, draw(st.integers(0, 5))
    for i in range(draw(st.integers(1, most))):
        number += draw(st.integers(1, 3))
        source = draw(st.sampled_from(["", "model.py:7", "a b/c.py:12"]))
        if not nodes or draw(st.integers(0, 2)) == 0:
            kind, of = draw(st.sampled_from([INPUT, CONSTANT, VARIABLE])), draw(st.sampled_from(TYPES))
            attributes = (("name", f"v{i}"),) if kind != CONSTANT else ()
            nodes.append(Node(number, kind, (), of, attributes, source))
            if kind == CONSTANT:
                dtype = np.int8 if of.format.startswith("int8") else np.float32
                seed = draw(st.integers(0, 2))
                constants[number] = np.random.default_rng(seed).integers(-5, 5, of.shape).astype(dtype)
        else:
            a = draw(st.sampled_from(nodes))
            b = draw(st.sampled_from([n for n in nodes if n.type == a.type]))
            op = draw(st.sampled_from(sorted(RULES)))
            operands = {"add": (a, b), "mul": (a, b)}.get(op, (a,))
            by = draw(st.sampled_from([2, 0.5, float("inf"), 0.0, -0.0]))
            attributes = (("by", by), ("note", ("x", (1, None)))) if op == "scale" else ()
            result = RULES[op](tuple(o.type for o in operands), dict(attributes))
            nodes.append(Node(number, op, tuple(o.id for o in operands), result, attributes, source))
    ids = [n.id for n in nodes]
    outputs = tuple(draw(st.lists(st.sampled_from(ids), max_size=3)))
    variables = [n for n in nodes if n.op == VARIABLE]
    updates = []
    for v in variables:
        if draw(st.booleans()):
            updates.append((v.id, draw(st.sampled_from([n.id for n in nodes if n.type == v.type]))))
    return Graph(tuple(nodes), outputs, tuple(updates), constants)


def run(graph, values):
    """Outputs and new values of the variables, given the values of inputs and variables by id."""
    known = dict(graph.constants) | values
    with np.errstate(all="ignore"):
        for n in graph.nodes:
            if n.id not in known:
                known[n.id] = np.asarray(RUN[n.op](*(known[i] for i in n.inputs), **dict(n.attributes)))
    return [known[i] for i in graph.outputs], {v: known[i] for v, i in graph.updates}
