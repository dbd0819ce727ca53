"""The dataflow graph of tensor operations: nodes, verification, text form, exact passes."""

from spinntensor.graph.graph import CONSTANT, INPUT, VARIABLE, Graph, Node, TensorType
from spinntensor.graph.text import parse_graph, print_graph
from spinntensor.graph.verify import Rule, verify

__all__ = [
    "CONSTANT",
    "INPUT",
    "VARIABLE",
    "Graph",
    "Node",
    "Rule",
    "TensorType",
    "parse_graph",
    "print_graph",
    "verify",
]
