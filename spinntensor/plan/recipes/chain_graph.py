"""From nodes of a graph to a chain: which operands repeat within a tile, and after how many elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from spinntensor.errors import OperandError
from spinntensor.graph.graph import Graph, Node
from spinntensor.ops.shape import bfp16_axis
from spinntensor.plan.recipes.chain import FULL, SCALAR, Chain, Extent, Link, Value
from spinntensor.plan.recipes.elementwise import INVERSE, POWER

VIEWS = frozenset({"reshape", "broadcast_to"})
"""Nodes that only say how an operand belongs to the block."""
PERIOD, RUN = 512, 128
"""Elements at most after which an operand starts again, and that share one of its elements, within a group: blocks are
multiples of both, of runs an even one."""
TABLES = ("quantize", "dequantize")
"""Operations by kernels that have a table for each grid."""


@dataclass(frozen=True)
class Leaf:
    """An operand: the node whose value it is, and its sizes along the axes of the full shape, 1 where it repeats."""

    node: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Mapped:
    """Element-wise nodes as a chain.

    Parameters
    ----------
    chain : their operations.
    prefix : how many of the first axes number the groups, in which no operand repeats in more than one way.
    operands : what the chain's operands are; None for a number that the graph holds.
    nodes : of the links; -1 for what is computed besides.
    results : ids of the nodes that are kept.
    """

    chain: Chain
    prefix: int
    operands: tuple[Leaf | None, ...]
    nodes: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(frozen=True)
class _Axis:
    """Neighbouring elements of a tile: how many, and the first axis of the full shape that they belong to."""

    size: int
    axis: int


def _axes(full: Sequence[int], tile: Sequence[int]) -> list[_Axis]:
    """The axes of a tile with several elements; the padding of rows of one element belongs to the axis before."""
    found = [_Axis(size, a) for a, size in enumerate(tile) if size > 1]
    if len(found) > 1 and full[-1] == 1 and found[-1].axis == len(full) - 1:
        *found, before, last = found
        found.append(_Axis(before.size * last.size, before.axis))
    return found


def _shared(axes: Sequence[_Axis], shape: Sequence[int], full: Sequence[int]) -> list[bool]:
    """For each axis, whether its neighbours share an element of an operand."""
    return [shape[axis.axis] == 1 and full[axis.axis] > 1 for axis in axes]


def _extent(axes: Sequence[_Axis], shared: Sequence[bool]) -> Extent | None:
    """How an operand repeats in a group of these axes; None where it does so in more than one way."""
    if not any(shared):
        return FULL if axes else SCALAR
    if all(shared):
        return SCALAR
    turn = next(i for i, flag in enumerate(shared) if flag != shared[0])
    if any(flag == shared[0] for flag in shared[turn:]):
        return None
    inside = prod(axis.size for axis in axes[turn:])
    return Extent(inside) if shared[0] else Extent(0, inside)


def extent_of(shape: Sequence[int], full: Sequence[int], tile: Sequence[int]) -> tuple[Extent, int]:
    """How an operand of `shape` belongs to the elements of a tile, and in how many groups it is loaded again.

    full, tile : sizes of the result, and of the tile's box, one for each axis.
    """
    padded = (*(1 for _ in range(len(full) - len(shape))), *shape)
    axes = _axes(full, tile)
    shared = _shared(axes, padded, full)
    for first in range(len(axes) + 1):
        found = _extent(axes[first:], shared[first:])
        if found is not None:
            return found, prod(axis.size for axis in axes[:first])
    raise AssertionError("a group of no axes has an extent")


def _simple(extent: Extent | None) -> bool:
    """Whether an operand repeats in one way, after few elements."""
    return extent is not None and extent.period <= PERIOD and extent.run <= RUN


def _prefix(
    axes: Sequence[_Axis], shapes: Sequence[Sequence[int]], full: Sequence[int], least: int, most: int
) -> int:
    """The fewest axes that number groups in which every operand repeats in one way, after few elements."""
    flags = [_shared(axes, shape, full) for shape in shapes]
    for first in range(least, most + 1):
        if all(_simple(_extent(axes[first:], shared[first:])) for shared in flags):
            return first
    return most


def chain_of(
    graph: Graph, nodes: Sequence[int], results: Sequence[int], full: Sequence[int], tile: Sequence[int]
) -> tuple[Chain, int]:
    """The chain that element-wise nodes are, and the groups of a tile; see `mapped`."""
    made = mapped(graph, nodes, results, full, tile)
    return made.chain, prod(tile[: made.prefix])


def mapped(
    graph: Graph,
    nodes: Sequence[int],
    results: Sequence[int],
    full: Sequence[int],
    tile: Sequence[int],
    joined: Sequence[Sequence[int]] | None = None,
    groups: tuple[int, int] | None = None,
) -> Mapped:
    """The chain that element-wise nodes are.

    Parameters
    ----------
    nodes, results : ids of what is computed, operands first, and of what is kept.
    full, tile : as for `extent_of`; every node but a view has the shape `full`, axes of size 1 aside.
    joined : axes that are taken as one, of which `tile` gives the sizes; None for each by itself.
    groups : how many of the first of these number groups at least, and at most; an operand that still repeats in
        several ways is expanded. None for as few as are needed.

    Errors
    ------
    OperandError where a node has another shape, or needs what the stage does not read.
    """
    computed = [i for i in nodes if graph[i].op not in VIEWS and graph[i].op != "fill"]
    for i in computed:
        if _solid(graph[i].type.shape) != _solid(full):
            received = f"{graph[i].op} of shape {graph[i].type.shape}"
            raise OperandError(
                "map", f"node {i}", received, f"shape {tuple(full)}", "make it a stage of its own"
            )
    work = _Links(graph, frozenset(nodes), frozenset(computed), tuple(full))
    for i in computed:
        work.add(i)
    kept = [work.source(i) for i in results]
    together = [(a,) for a in range(len(full))] if joined is None else joined

    def flat(shape: Sequence[int]) -> list[int]:
        return [prod(shape[a] for a in axes) for axes in together]

    axes, whole = _axes(flat(full), tile), flat(full)
    shapes = [flat(leaf.shape) for leaf in work.leaves if not work.filled(leaf)]
    least, most = 0, len(axes)
    if groups is not None:
        least, most = (sum(axis.axis < limit for axis in axes) for limit in groups)
    first = _prefix(axes, shapes, whole, least, most)
    operands = []
    for leaf in work.leaves:
        extent = (
            _extent(axes[first:], _shared(axes[first:], flat(leaf.shape), whole)) if axes[first:] else FULL
        )
        operands.append(work.operand(leaf, extent if extent is not None and _simple(extent) else FULL))
    count = len(operands)

    def place(found: int | Leaf) -> int:
        return work.leaves[found] if isinstance(found, Leaf) else count + found

    links = tuple(
        Link(op, tuple(map(place, sources)), form, table) for op, sources, form, table in work.links
    )
    chain = Chain(tuple(operands), links, tuple(map(place, kept)))
    leaves = tuple(None if work.filled(leaf) else leaf for leaf in work.leaves)
    prefix = axes[first - 1].axis + 1 if first else 0
    if groups is not None:
        prefix = max(prefix, groups[0])
    return Mapped(chain, prefix, leaves, tuple(work.nodes), tuple(results))


class _Links:
    """Links while they are made: operations, what each reads (links by number, or leaves), and leaves by number."""

    def __init__(
        self, graph: Graph, inside: frozenset[int], computed: frozenset[int], full: tuple[int, ...]
    ) -> None:
        self.graph, self.inside, self.computed, self.full = graph, inside, computed, full
        self.links: list[tuple[str, list[int | Leaf], str, int]] = []
        self.nodes: list[int] = []
        self.leaves: dict[Leaf, int] = {}
        self.of: dict[int, int] = {}
        self.grids: dict[tuple[object, ...], int] = {}
        self.powers: dict[tuple[str, Leaf], int] = {}

    def _link(self, op: str, sources: list[int | Leaf], form: str, node: int = -1, table: int = 0) -> int:
        for found in sources:
            if isinstance(found, Leaf):
                self.leaves.setdefault(found, len(self.leaves))
        self.links.append((op, sources, form, table))
        self.nodes.append(node)
        return len(self.links) - 1

    def add(self, number: int) -> None:
        """A node, and what it needs besides."""
        node = self.graph[number]
        read = node.inputs[:1] if node.op == "round_bfp16" else node.inputs
        sources: list[int | Leaf] = [self.source(i) for i in read]
        op, table = _name(node), 0
        if node.op == "round_bfp16":
            sources = self._rounded(node.inputs[1], sources, bfp16_axis(node.type.format), node, INVERSE)
        elif node.op == "dequantize" and self.graph[node.inputs[0]].type.format.startswith("bfp16"):
            made = self._made(node.inputs[0])
            axis = bfp16_axis(self.graph[node.inputs[0]].type.format)
            op = node.op if axis is None else f"{node.op} axis"
            if made.op == "round_bfp16":
                sources = self._rounded(made.inputs[1], sources, axis, node, POWER)
        elif node.op in TABLES:
            grid = tuple(sorted((k, v) for k, v in node.attributes if k in ("scale", "zero", "symmetric")))
            key = (node.op, self.graph[node.inputs[0]].type.format, node.type.format, grid)
            mine = [k for k in self.grids if k[0] == node.op]
            table = self.grids.setdefault(key, len(mine))
        self.of[number] = self._link(op, sources, node.type.format, number, table)

    def _made(self, number: int) -> Node:
        """What made the mantissas that a node reads; OperandError unless their exponent is known in this stage."""
        node = rounding(self.graph, number)
        if node.op == "quantize_bfp16_to" or (node.op == "round_bfp16" and node.id in self.inside):
            return node
        received = f"dequantize of {node.op}, node {node.id}"
        expected = "mantissas that this stage rounds, or whose exponent is given"
        raise OperandError("map", "operand", received, expected, "dequantize where they are rounded")

    def _rounded(
        self, top: int, sources: list[int | Leaf], axis: int | None, node: Node, power: str
    ) -> list[int | Leaf]:
        """The mantissas or numbers, and the largest magnitude, or for each index of an axis a power of two of it."""
        if axis is None:
            return [sources[0], Leaf(top, (1,) * len(self.full))]
        shape = node.type.shape
        own = iter([size if i == axis else 1 for i, size in enumerate(shape) if shape[i] > 1])
        leaf = Leaf(top, tuple(next(own) if size > 1 else 1 for size in self.full))
        if (power, leaf) not in self.powers:
            self.powers[power, leaf] = self._link(power, [leaf], "float32")
        return [sources[0], self.powers[power, leaf]]

    def source(self, number: int) -> int | Leaf:
        """What an operand is behind its views: a link, or a leaf."""
        graph, shape, seen = self.graph, self.full, False
        while number in self.inside and graph[number].op in VIEWS:
            node, source = graph[number], graph[graph[number].inputs[0]]
            if not seen and source.type.size != node.type.size:
                padded = (1,) * (len(node.type.shape) - len(source.type.shape)) + tuple(source.type.shape)
                own = iter([s for s, whole in zip(padded, node.type.shape, strict=True) if whole > 1])
                shape, seen = tuple(next(own) if whole > 1 else 1 for whole in self.full), True
            number = source.id
        if number in self.computed:
            if seen:
                raise OperandError(
                    "map", f"node {number}", "a broadcast of it", "operands", "make it a stage of its own"
                )
            return self.of[number]
        leaf = Leaf(number, (1,) * len(self.full) if number in self.inside else shape)
        self.leaves.setdefault(leaf, len(self.leaves))
        return leaf

    def filled(self, leaf: Leaf) -> bool:
        """Whether a leaf is a number that the graph holds."""
        return leaf.node in self.inside and self.graph[leaf.node].op == "fill"

    def operand(self, leaf: Leaf, extent: Extent) -> Value:
        """A leaf as an operand."""
        node = self.graph[leaf.node]
        if self.filled(leaf):
            return Value(node.type.format, SCALAR, float(str(node.attribute("value"))))
        return Value(node.type.format, extent)


def rounding(graph: Graph, number: int) -> Node:
    """The node that made the mantissas of another shape."""
    while graph[number].op == "reshape":
        number = graph[number].inputs[0]
    return graph[number]


def _name(node: Node) -> str:
    """The operation, by the forms that `elementwise` lists."""
    given = dict(node.attributes)
    if given.get("seed") is not None:
        raise OperandError(
            "map", f"node {node.id}", "stochastic rounding", "half to even", "leave the seed out"
        )
    several = node.op in ("quantize", "dequantize", "quantize_bfp16_to") and given.get("axis") is not None
    return f"{node.op} axis" if several or _rounds_along(node) else node.op


def _rounds_along(node: Node) -> bool:
    return node.op == "round_bfp16" and bfp16_axis(node.type.format) is not None


def _solid(shape: Sequence[int]) -> list[int]:
    """The sizes that are not 1."""
    return [size for size in shape if size != 1]
