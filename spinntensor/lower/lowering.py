"""`lower`: a graph as stages. Rewriting, fusion, and for each group what it reads, leaves, and how it may be cut."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from spinntensor.errors import UnsupportedError
from spinntensor.graph.graph import SOURCES, Graph, Node
from spinntensor.graph.verify import verify
from spinntensor.lower.fuse import FREE, Fusion
from spinntensor.lower.kinds import CONV_WEIGHT, KINDS, MAP, MATMUL, MOVE, WITH_EPILOGUE, WITH_PROLOGUE
from spinntensor.lower.legalise import legalise
from spinntensor.lower.operations import LOWERED_RULES
from spinntensor.lower.site import Site, Tiling
from spinntensor.lower.stage import Axis, Lowered, Stage
from spinntensor.lower.tilings import TILINGS
from spinntensor.lower.views import aliases

EPILOGUE = ("requantize", "dequantize")
"""What may follow a product or window in its stage, without the sum of two branches."""
IMAGE = 4
"""Axes of images."""


def lower(graph: Graph, residual: bool = False, tilings: Mapping[str, Tiling] = TILINGS) -> Lowered:
    """The stages of a graph, which `spinntensor.machine.host.optimised` made ready.

    Parameters
    ----------
    residual : whether `add_q` of a product and another branch is computed in the product's stage.
    tilings : the rules by operation.

    Raises UnsupportedError, which names every operation without a rule and the user's line.
    """
    known = {"quantize_bfp16", *tilings}
    unknown = [(n.op, n.source) for n in graph.nodes if n.op not in SOURCES and n.op not in known]
    if unknown:
        raise UnsupportedError(dict.fromkeys(unknown))
    graph = legalise(graph)
    fusion = Fusion(graph, tilings, (*EPILOGUE, "add_q") if residual else EPILOGUE)
    return _Staging(fusion, tilings).run()


class _Staging:
    """Groups on their way to stages."""

    def __init__(self, fusion: Fusion, tilings: Mapping[str, Tiling]) -> None:
        self.tilings = tilings
        self.graph = fusion.graph
        groups = fusion.run()
        self.members = {number: list(g.members) for number, g in groups.found.items()}
        self.kinds = {number: g.kind for number, g in groups.found.items()}
        self.of = dict(groups.of)
        self.own = fusion.kinds
        self.alias = aliases(self.graph, self.own)
        self.inputs: dict[int, tuple[int, ...]] = {}
        self.nodes: dict[int, tuple[int, ...]] = {}
        self.results: dict[int, tuple[int, ...]] = {}

    def home(self, number: int) -> int:
        while number in self.alias:
            number = self.alias[number]
        return number

    def run(self) -> Lowered:
        self._place = {n.id: at for at, n in enumerate(self.graph.nodes)}
        work = sorted(self.members)
        wanted = [self.home(i) for i in self.graph.roots]
        while work or wanted:
            if work:
                number = work.pop(0)
                self._read(number)
                wanted += [self.home(i) for i in self.inputs[number]]
            else:
                number = wanted.pop(0)
                if number not in self.of and self.graph[number].op in FREE:
                    work.append(self._moved(number))
        self._leave()
        order = self._order()
        names: Counter[str] = Counter()
        stages = tuple(self._stage(at, number, names) for at, number in enumerate(order))
        return Lowered(verify(self.graph, LOWERED_RULES), stages, dict(self.alias))

    def _moved(self, node: int) -> int:
        """A stage of its own for a free node whose value is needed."""
        number = max(self.members, default=-1) + 1
        self.members[number], self.kinds[number], self.of[node] = [node], MOVE, number
        return number

    def _read(self, number: int) -> None:
        """The nodes that a stage computes, free ones included, and those that it reads; products read all of theirs."""
        ours = set(self.members[number])
        free = self.kinds[number] in (MAP, *WITH_PROLOGUE, *WITH_EPILOGUE)
        inside: dict[int, bool] = {}

        def computed(i: int) -> bool:
            """Whether node i is made in the stage: a member, a constant, a repeated vector, a view of a member."""
            if i not in inside:
                node = self.graph[i]
                inside[i] = i in ours or (
                    free
                    and (
                        node.op == "fill"
                        or node.op == "broadcast_to"
                        or (node.op == "reshape" and self._same(node) and computed(node.inputs[0]))
                    )
                )
            return inside[i]

        found, reads, stack = set(ours), dict[int, None](), sorted(ours, key=self._place.__getitem__)
        while stack:
            reader = stack.pop(0)
            for i in self.graph[reader].inputs:
                if self.own[reader] in WITH_EPILOGUE or not computed(i):
                    reads[i] = None
                elif i not in found:
                    found.add(i)
                    stack.append(i)
        self.nodes[number] = tuple(sorted(found, key=self._place.__getitem__))
        self.inputs[number] = tuple(reads)

    def _same(self, node: Node) -> bool:
        """Whether a reshape adds and drops axes of size 1 alone."""
        old, new = self.graph[node.inputs[0]].type.shape, node.type.shape
        return [s for s in old if s != 1] == [s for s in new if s != 1]

    def _leave(self) -> None:
        """What each stage leaves; results of a map in several shapes are left in one, the others are views of it."""
        needed = {self.home(i) for numbers in self.inputs.values() for i in numbers}
        needed |= {self.home(i) for i in self.graph.roots}
        more: dict[int, Node] = {}
        fresh = self.graph.next_id
        for number in sorted(self.members):
            left = [i for i in sorted(self.members[number], key=self._place.__getitem__) if i in needed]
            shape = self._common([self.graph[i].type.shape for i in left], self.kinds[number])
            for at, i in enumerate(left):
                node = self.graph[i]
                if node.type.shape != shape:
                    kind = replace(node.type, shape=shape)
                    more[i] = Node(fresh, "reshape", (i,), kind, (("shape", shape),), node.source)
                    self.alias[i] = left[at] = fresh
                    fresh += 1
            extra = [n.id for i, n in more.items() if i in self.members[number]]
            self.nodes[number] = (*self.nodes[number], *extra)
            self.results[number] = tuple(left)
        if more:
            nodes = [m for n in self.graph.nodes for m in ([n, more[n.id]] if n.id in more else [n])]
            self.graph = replace(self.graph, nodes=tuple(nodes))

    def _common(self, shapes: list[tuple[int, ...]], kind: str) -> tuple[int, ...]:
        """The shape that a stage leaves its results in: the most frequent one, of images without leading ones."""
        often = Counter(shapes)
        shape = max(often, key=lambda s: (often[s], -shapes.index(s)))
        while kind == MAP and len(shape) > IMAGE and shape[0] == 1:
            shape = shape[1:]
        return shape

    def _order(self) -> list[int]:
        """Stages with operands first, otherwise by their last node."""
        maker = {i: number for number, left in self.results.items() for i in left}
        before = {
            number: {maker[h] for h in map(self.home, reads) if h in maker}
            for number, reads in self.inputs.items()
        }
        after: dict[int, list[int]] = {number: [] for number in before}
        for number, others in before.items():
            for other in others:
                after[other].append(number)
        last = {number: max(self._place[i] for i in members) for number, members in self.members.items()}
        ready = [(last[number], number) for number, others in before.items() if not others]
        heapq.heapify(ready)
        order = []
        while ready:
            _, number = heapq.heappop(ready)
            order.append(number)
            for other in after[number]:
                before[other].discard(number)
                if not before[other]:
                    heapq.heappush(ready, (last[other], other))
        assert len(order) == len(self.members), "fusion made a cycle"
        return order

    def _stage(self, at: int, number: int, names: Counter[str]) -> Stage:
        kind, left = self.kinds[number], self.results[number]
        assert kind in KINDS
        names[kind] += 1
        shape = self.graph[left[0]].type.shape
        units, sums, macs = (1,) * len(shape), None, 0
        for i in self.members[number]:
            site = site_of(self.graph, i)
            tiling = self.tilings[site.node.op]
            if len(self.members[number]) == 1 or tiling.kind(site) != MAP:
                macs += tiling.macs(site)
                if kind != MAP:
                    units = tiling.units(site)
                    sums = tiling.split.axis(site) if tiling.split else None
        axes = tuple(Axis(*entry) for entry in zip(_axis_names(kind, len(shape)), shape, units, strict=True))
        return Stage(
            at, f"{kind}_{names[kind]}", kind, self.nodes[number], self.inputs[number], left, axes, sums, macs
        )


def _axis_names(kind: str, rank: int) -> tuple[str, ...]:
    if rank == 4:
        return ("ky", "kx", "c", "o") if kind == CONV_WEIGHT else ("n", "h", "w", "c")
    if rank >= 2 and kind == MATMUL:
        return (*map(str, range(rank - 2)), "m", "n")
    return ("m", "n") if rank == 2 else tuple(map(str, range(rank)))


def site_of(graph: Graph, number: int) -> Site:
    """A node with the types of its operands."""
    node = graph[number]
    return Site(node, tuple(graph[i].type for i in node.inputs))
