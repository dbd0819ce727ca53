"""A graph as a picture: nodes in layers from the inputs down, drawn as SVG with nothing but text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from spinntensor.errors import OutputError

if TYPE_CHECKING:
    from spinntensor.graph.graph import Graph, Node

WIDTH, HEIGHT, GAP, RISE = 168, 44, 18, 40
"""Size of a box, and the space beside and below it, in pixels."""
MOST = 2000
"""Nodes that a picture holds; a larger graph is a text, not a picture."""
FILL = {"input": "#d7e8fa", "constant": "#eeeeee", "variable": "#fdeccb"}
OTHER, RESULT = "#ffffff", "#d9f2dc"


@dataclass(frozen=True)
class Picture:
    """An SVG text; notebooks show it, `save` writes it."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> Path:
        """Write the picture; OutputError when that is impossible."""
        try:
            Path(path).write_text(self.svg)
        except OSError as error:
            mend = "choose a folder that exists and may be written"
            raise OutputError(str(path), str(error.strerror), mend) from None
        return Path(path)


def show(graph: Graph) -> Picture:
    """`graph` drawn from its inputs down; OutputError for more than 2,000 nodes."""
    if len(graph) > MOST:
        raise OutputError(
            "a picture", f"the graph has {len(graph):,} nodes, {MOST:,} fit", "use print_graph instead"
        )
    places = _places(graph)
    width = max((x for x, _ in places.values()), default=0) + WIDTH + GAP
    height = max((y for _, y in places.values()), default=0) + HEIGHT + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        '<defs><marker id="tip" markerWidth="8" markerHeight="6" refX="7" refY="3" orient="auto">'
        '<path d="M0,0 L8,3 L0,6 z" fill="#777"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for node in graph.nodes:
        parts += [_arrow(places[i], places[node.id]) for i in dict.fromkeys(node.inputs)]
    parts += [_back(places[value], places[variable]) for variable, value in graph.updates]
    results = set(graph.outputs)
    parts += [_box(node, places[node.id], node.id in results) for node in graph.nodes]
    return Picture("\n".join([*parts, "</svg>"]) + "\n")


def _places(graph: Graph) -> Mapping[int, tuple[int, int]]:
    """Left upper corners: a node's layer is one below its lowest operand, its column near its operands'."""
    layer: dict[int, int] = {}
    for node in graph.nodes:
        layer[node.id] = 1 + max((layer[i] for i in node.inputs), default=-1)
    for node in reversed(graph.nodes):  # sources stand right above their first user
        if not node.inputs and graph.users[node.id]:
            layer[node.id] = min(layer[i] for i in graph.users[node.id]) - 1
    rows: dict[int, list[Node]] = {}
    for node in graph.nodes:
        rows.setdefault(layer[node.id], []).append(node)
    column: dict[int, float] = {}
    for number in sorted(rows):
        wish = {
            n.id: sum(column[i] for i in n.inputs) / len(n.inputs) if n.inputs else float(k)
            for k, n in enumerate(rows[number])
        }
        free = 0.0
        for node in sorted(rows[number], key=lambda n: wish[n.id]):
            column[node.id] = max(free, wish[node.id])
            free = column[node.id] + 1
    return {i: (int(GAP + c * (WIDTH + GAP)), GAP + layer[i] * (HEIGHT + RISE)) for i, c in column.items()}


def _box(node: Node, at: tuple[int, int], result: bool) -> str:
    x, y = at
    colour = RESULT if result else FILL.get(node.op, OTHER)
    name = dict(node.attributes).get("name")
    title = escape((f"%{node.id} {node.op}" + (f" {name}" if name else ""))[:28])
    more = ", ".join(f"{k}={v}" for k, v in node.attributes if k != "name")
    tip = escape("\n".join(filter(None, [f"%{node.id} = {node.op}", more, node.source])))
    kind = escape(str(node.type)[:30])
    return (
        f"<g><title>{tip}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{colour}" stroke="#555"/>'
        f'<text x="{x + WIDTH // 2}" y="{y + 18}" text-anchor="middle" font-weight="bold">{title}</text>'
        f'<text x="{x + WIDTH // 2}" y="{y + 34}" text-anchor="middle" fill="#333">{kind}</text></g>'
    )


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    x0, y0, x1, y1 = start[0] + WIDTH // 2, start[1] + HEIGHT, end[0] + WIDTH // 2, end[1]
    bend = max((y1 - y0) // 2, 10)
    path = f"M{x0},{y0} C{x0},{y0 + bend} {x1},{y1 - bend} {x1},{y1}"
    return f'<path d="{path}" fill="none" stroke="#777" marker-end="url(#tip)"/>'


def _back(value: tuple[int, int], variable: tuple[int, int]) -> str:
    """From a new value up to its variable, dashed."""
    x0, y0 = value[0] + WIDTH, value[1] + HEIGHT // 2
    x1, y1 = variable[0] + WIDTH, variable[1] + HEIGHT // 2
    side = max(x0, x1) + GAP // 2
    path = f"M{x0},{y0} C{side},{y0} {side},{y1} {x1},{y1}"
    return f'<path d="{path}" fill="none" stroke="#b8860b" stroke-dasharray="4 3" marker-end="url(#tip)"/>'
