"""From nodes of a graph to a chain: which operands repeat within a tile, and after how many elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from spinntensor.errors import OperandError
from spinntensor.graph.graph import Graph, Node
from spinntensor.ops.shape import bfp16_axis
from spinntensor.plan.recipes.chain import FULL, SCALAR, Chain, Extent, Link, Value

VIEWS = frozenset({"reshape", "broadcast_to"})
"""Nodes that only say how an operand belongs to the block."""


def extent_of(
    shape: Sequence[int], full: Sequence[int], tile: Sequence[int], block: int = 0
) -> tuple[Extent, int]:
    """How an operand of `shape` belongs to the elements of a tile, and in how many groups it is loaded again.

    Parameters
    ----------
    full, tile : sizes of the result, and of the tile's box, one for each axis.
    block : channels of a block where the values lie channel-blocked, else 0.
    """
    padded = (*(1 for _ in range(len(full) - len(shape))), *shape)
    axes = [(size, own == 1 and whole > 1) for size, own, whole in zip(tile, padded, full, strict=True)]
    if block and len(axes) == 4 and axes[3][0] > block:
        channels, one = axes[3]
        axes = [axes[0], (-(-channels // block), one), axes[1], axes[2], (block, one)]
    axes = [axis for axis in axes if axis[0] > 1]
    sizes, flags = [size for size, _ in axes], [shared for _, shared in axes]
    if not any(flags):
        return FULL if axes else SCALAR, 1
    if all(flags):
        return SCALAR, 1
    shared, own = _suffix(flags, True), _suffix(flags, False)
    if shared:
        before = _suffix(flags[: len(flags) - shared], False)
        return Extent(0, prod(sizes[-shared:])), prod(sizes[: len(sizes) - shared - before])
    before = _suffix(flags[: len(flags) - own], True)
    return Extent(prod(sizes[-own:])), prod(sizes[: len(sizes) - own - before])


def _suffix(flags: list[bool], kind: bool) -> int:
    """How many of the last flags are of a kind."""
    return next((i for i, flag in enumerate(reversed(flags)) if flag != kind), len(flags))


def chain_of(
    graph: Graph,
    nodes: Sequence[int],
    results: Sequence[int],
    full: Sequence[int],
    tile: Sequence[int],
    block: int = 0,
) -> tuple[Chain, int]:
    """The chain that element-wise nodes are, and the groups of a tile.

    Parameters
    ----------
    nodes, results : ids of what is computed, operands first, and of what is kept.
    full, tile, block : as for `extent_of`; every node but a view has the shape `full`, axes of size 1 aside.

    Errors
    ------
    OperandError where a node has another shape.
    """
    inside, computed = set(nodes), [i for i in nodes if graph[i].op not in VIEWS and graph[i].op != "fill"]
    links = {i: n for n, i in enumerate(computed)}
    for i in computed:
        if _solid(graph[i].type.shape) != _solid(full):
            received = f"{graph[i].op} of shape {graph[i].type.shape}"
            raise OperandError(
                "map", f"node {i}", received, f"shape {tuple(full)}", "make it a stage of its own"
            )
    view = _View(graph, inside, links, tuple(full), tuple(tile), block)
    operands: dict[Leaf, Value] = {}
    sources = {i: _sources(view, i) for i in computed}
    kept = [_source(view, i) for i in results]
    groups = 1
    for found in (s for some in (*sources.values(), kept) for s in some):
        if isinstance(found, Leaf):
            node, groups = graph[found.node], max(groups, found.groups)
            filled = found.node in inside and node.op == "fill"
            constant = float(str(node.attribute("value"))) if filled else None
            form = "float32" if found.unit else node.type.format
            operands.setdefault(found, Value(form, found.extent, constant))
    places = {leaf: n for n, leaf in enumerate(operands)}

    def place(found: int | Leaf) -> int:
        return places[found] if isinstance(found, Leaf) else len(places) + links[found]

    made = tuple(
        Link(_name(graph[i], graph), tuple(map(place, sources[i])), graph[i].type.format) for i in computed
    )
    return Chain(tuple(operands.values()), made, tuple(map(place, kept))), groups


@dataclass(frozen=True)
class Leaf:
    """An operand: the node whose value it is, how it belongs to the tile; `unit`: the powers of two of its axis."""

    node: int
    extent: Extent
    groups: int
    unit: bool = False


@dataclass(frozen=True)
class _View:
    """What operands are looked up in."""

    graph: Graph
    inside: set[int]
    links: Mapping[int, int]
    full: tuple[int, ...]
    tile: tuple[int, ...]
    block: int

    def leaf(self, number: int, shape: Sequence[int], unit: bool = False) -> Leaf:
        return Leaf(number, *extent_of(shape, self.full, self.tile, self.block), unit)


def _axis(node: Node) -> int | None:
    """The axis along which a node's mantissas have an exponent each."""
    if node.op == "round_bfp16":
        return bfp16_axis(node.type.format)
    return None


def _name(node: Node, graph: Graph) -> str:
    """The operation, by the forms that `elementwise` lists."""
    if dict(node.attributes).get("seed") is not None:
        raise OperandError(
            "map", f"node {node.id}", "stochastic rounding", "half to even", "leave the seed out"
        )
    several = node.op in ("quantize", "dequantize") and dict(node.attributes).get("axis") is not None
    several = several or (
        node.op == "dequantize" and bfp16_axis(graph[node.inputs[0]].type.format) is not None
    )
    return f"{node.op} axis" if several or _axis(node) is not None else node.op


def _sources(view: _View, number: int) -> list[int | Leaf]:
    """What a node reads; of powers of two, those of its axis."""
    node, graph = view.graph[number], view.graph
    if node.op == "dequantize":
        axis = bfp16_axis(graph[node.inputs[0]].type.format)
        if axis is not None:
            shape = [size if i == axis else 1 for i, size in enumerate(node.type.shape)]
            return [_source(view, node.inputs[0]), view.leaf(node.inputs[0], shape, True)]
    if node.op == "round_bfp16":
        axis = _axis(node)
        if axis is None:
            return [_source(view, node.inputs[0])]
        shape = [size if i == axis else 1 for i, size in enumerate(node.type.shape)]
        return [_source(view, node.inputs[0]), view.leaf(node.inputs[1], shape, True)]
    return [_source(view, i) for i in node.inputs]


def _solid(shape: Sequence[int]) -> list[int]:
    """The sizes that are not 1."""
    return [size for size in shape if size != 1]


def _source(view: _View, number: int) -> int | Leaf:
    """What an operand is behind its views: a computed node, or a leaf."""
    graph, shape = view.graph, view.full
    seen = False
    while number in view.inside and graph[number].op in VIEWS:
        node, source = graph[number], graph[graph[number].inputs[0]]
        if not seen and source.type.size != node.type.size:
            padded = (1,) * (len(node.type.shape) - len(source.type.shape)) + tuple(source.type.shape)
            own = iter([s for s, whole in zip(padded, node.type.shape, strict=True) if whole > 1])
            shape, seen = tuple(next(own) if whole > 1 else 1 for whole in view.full), True
        number = source.id
    if number in view.links:
        if seen:
            raise OperandError(
                "map", f"node {number}", "a broadcast of it", "operands", "make it a stage of its own"
            )
        return number
    return Leaf(number, SCALAR, 1) if number in view.inside else view.leaf(number, shape)
