"""The text form of a graph: one line a node, for people, for diffs, and to be read back without loss.

%0 = input {"name":"x"} : [4,3] float32  # model.py:7
%1 = constant : [3,2] float32
%2 = matmul %0 %1 : [4,2] float32  # model.py:8
return %2
data %1 <f4 AACAPwAAAEA...
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import numpy as np

from spinntensor.errors import ParseError
from spinntensor.graph.graph import CONSTANT, Attribute, Graph, Node, TensorType

_NODE = re.compile(
    r"%(?P<id>\d+) = (?P<op>\w+)(?P<inputs>(?: %\d+)*)(?: (?P<attributes>\{.*\}))?"
    r" : \[(?P<shape>[\d,]*)\] (?P<format>\S+)(?:  # (?P<source>.*))?"
)
_IDS = re.compile(r"%(\d+)")
_UPDATE = re.compile(r"update %(\d+) = %(\d+)")
_DATA = re.compile(r"data %(\d+) (\S+) (\S*)")


def print_graph(graph: Graph, data: bool = True) -> str:
    """The text of `graph`; without `data`, constants are only named and the text cannot be read back."""
    lines = [_line(n) for n in graph.nodes]
    lines += [f"update %{variable} = %{value}" for variable, value in graph.updates]
    lines.append(" ".join(["return", *(f"%{i}" for i in graph.outputs)]))
    if data:
        for n in graph.nodes:
            if n.op == CONSTANT:
                value = np.ascontiguousarray(graph.constants[n.id])
                raw = base64.b64encode(value.astype(value.dtype.newbyteorder("<")).tobytes()).decode()
                lines.append(f"data %{n.id} {value.dtype.newbyteorder('<').str} {raw}")
    return "\n".join(lines) + "\n"


def _line(n: Node) -> str:
    parts = [f"%{n.id} = {n.op}", *(f"%{i}" for i in n.inputs)]
    if n.attributes:
        parts.append(json.dumps(dict(n.attributes), separators=(",", ":"), ensure_ascii=True))
    return " ".join(parts) + f" : {n.type}" + (f"  # {n.source}" if n.source else "")


def parse_graph(text: str) -> Graph:
    """The graph of a text made by `print_graph`; ParseError names the first line that is not understood.

    Only the form is checked: `verify` says whether the graph is sound.
    """
    nodes: list[Node] = []
    updates: list[tuple[int, int]] = []
    outputs: tuple[int, ...] | None = None
    constants: dict[int, np.ndarray] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if node := _NODE.fullmatch(line):
            nodes.append(_node(node, number, line))
        elif update := _UPDATE.fullmatch(line):
            updates.append((int(update[1]), int(update[2])))
        elif line.split()[0] == "return" and outputs is None:
            outputs = tuple(map(int, _IDS.findall(line)))
        elif data := _DATA.fullmatch(line):
            constants[int(data[1])] = _array(data, nodes, number, line)
        else:
            raise ParseError(number, line, "a node, `update`, one `return`, or `data`")
    if outputs is None:
        raise ParseError(len(text.splitlines()) + 1, "", "a line `return %...`")
    return Graph(tuple(nodes), outputs, tuple(updates), constants)


def _node(match: re.Match[str], number: int, line: str) -> Node:
    try:
        attributes = json.loads(match["attributes"] or "{}")
    except json.JSONDecodeError as error:
        raise ParseError(number, line, f"attributes as a JSON object ({error.msg})") from None
    return Node(
        int(match["id"]),
        match["op"],
        tuple(map(int, _IDS.findall(match["inputs"]))),
        TensorType(tuple(int(s) for s in match["shape"].split(",") if s), match["format"]),
        tuple((name, _frozen(value)) for name, value in attributes.items()),
        match["source"] or "",
    )


def _frozen(value: Any) -> Attribute:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _array(match: re.Match[str], nodes: list[Node], number: int, line: str) -> np.ndarray:
    shapes = {n.id: n.type.shape for n in nodes}
    try:
        flat = np.frombuffer(base64.b64decode(match[3], validate=True), np.dtype(match[2]))
        return flat.reshape(shapes[int(match[1])])
    except (ValueError, TypeError, KeyError) as error:
        raise ParseError(number, line, f"data that fill a constant's shape ({error})") from None
