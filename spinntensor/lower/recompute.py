"""Values that are computed again instead of being kept: a training step in less memory, to the same bits.

Only element-wise operations are repeated. The readers behind the longest stretch in which nobody reads a value get a
copy of the node that makes it, so it need not stay between. What happens to numbers in a copy has been counted already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from spinntensor.graph.graph import SOURCES, Graph, Node
from spinntensor.lower.fuse import FREE
from spinntensor.lower.kinds import MAP
from spinntensor.lower.site import Site
from spinntensor.lower.tilings import TILINGS

VIEW = "reshape"
MOST = 12
"""Nodes that are computed again for one value, at most."""


@dataclass(frozen=True, eq=False)
class Repeated:
    """A graph with copies of nodes, and the node that each copy repeats, by ids."""

    graph: Graph
    copies: Mapping[int, int]


def repeatable(graph: Graph, number: int) -> bool:
    """Whether a node is an element-wise operation that reads something and is no result of the graph."""
    node = graph[number]
    if node.op in SOURCES or node.op not in TILINGS or not node.inputs or number in graph.roots:
        return False
    return TILINGS[node.op].kind(Site(node, tuple(graph[i].type for i in node.inputs))) == MAP


def gap(graph: Graph, number: int) -> tuple[int, tuple[int, ...]]:
    """The longest stretch of nodes in which nobody reads a value, in nodes, and the ids of those that read it behind.

    Readers of a view of the value read it as well. (0, ()) where all readers follow each other.
    """
    place = {n.id: at for at, n in enumerate(graph.nodes)}
    found = sorted({place[user] for user in _readers(graph, number)})
    if number in graph.roots or not found:
        return 0, ()
    stretches = [(b - a, b) for a, b in pairwise([place[number], *found])]
    length, first = max(stretches)
    return (length, tuple(graph.nodes[at].id for at in found if at >= first)) if length > 1 else (0, ())


def cone(graph: Graph, number: int, there: Callable[[int], bool]) -> tuple[int, ...]:
    """The nodes to compute again for a value: it, and what it is made of as far as that is not `there`.

    Operands come first.

    () where something would have to be repeated that is not element-wise, or too much.
    """
    found: dict[int, None] = {}
    todo = [number]
    while todo:
        i = todo.pop()
        if i in found:
            continue
        free = graph[i].op in FREE
        if not (free or repeatable(graph, i)) or len(found) == MOST:
            return ()
        found[i] = None
        todo += [o for o in graph[i].inputs if not there(o)]
    return tuple(n.id for n in graph.nodes if n.id in found)


def recomputed(graph: Graph, cones: Iterable[Sequence[int]]) -> Repeated:
    """`graph` in which the last value of each cone is made again for those that read it behind its longest gap.

    Cones whose last value nobody reads late stay as they are.
    """
    copies: dict[int, int] = {}
    for nodes in cones:
        late = gap(graph, nodes[-1])[1]
        if late:
            graph = _split(graph, nodes, frozenset(late), copies)
    return Repeated(graph, copies)


def _readers(graph: Graph, number: int) -> list[int]:
    """Nodes that read a value, or a view of it; results of the graph read to the end."""
    found, todo = [], [number]
    while todo:
        i = todo.pop()
        for user in graph.users[i]:
            if graph[user].op == VIEW:
                todo.append(user)
                if user in graph.roots:
                    found.append(user)
            else:
                found.append(user)
    return found


def _split(graph: Graph, cone_: Sequence[int], late: frozenset[int], copies: dict[int, int]) -> Graph:
    """The graph with copies of nodes, and of the views through which late readers see the last, before the first."""
    number = cone_[-1]
    renamed: dict[int, int] = {}
    made: list[Node] = []

    def copy(i: int) -> None:
        renamed[i] = graph.next_id + len(made)
        made.append(
            replace(graph[i], id=renamed[i], inputs=tuple(renamed.get(o, o) for o in graph[i].inputs))
        )

    for i in cone_:
        copy(i)
    inner, todo = {i: renamed[i] for i in cone_[:-1]}, [number]
    while todo:
        for user in dict.fromkeys(graph.users[todo.pop()]):
            if graph[user].op == VIEW and user not in renamed and user not in graph.roots:
                copy(user)
                todo.append(user)
    copies.update({new: copies.get(old, old) for old, new in renamed.items()})
    seen = {old: new for old, new in renamed.items() if old not in inner}
    nodes: list[Node] = []
    placed = False
    for node in graph.nodes:
        if node.id in late:
            if not placed:
                nodes += made
                placed = True
            node = replace(node, inputs=tuple(seen.get(i, i) for i in node.inputs))
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))
