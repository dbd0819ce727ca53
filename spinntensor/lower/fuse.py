"""Fusion: which nodes of a graph are computed together. It changes no bit, and the same graph gives the same groups.

Three rules: a product or window takes the requantisation and the read-back that alone follow it; a reduction takes the
element-wise nodes that it alone reads; element-wise nodes of one shape that read each other become one map, unless
something lies between them or too many values would be needed at a time. Constants filled and vectors repeated are
part of whatever map reads them, and reshapes are other views of the same bytes (but see `spinntensor.lower.views`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from spinntensor.graph.graph import SOURCES, Graph, Node
from spinntensor.lower.groups import Group, Groups
from spinntensor.lower.kinds import MAP, WITH_EPILOGUE, WITH_PROLOGUE
from spinntensor.lower.site import Site, Tiling

LIVE = 12
"""Operands and results of a map of the full shape, at most."""
FREE = ("fill", "broadcast_to", "reshape")
"""What is made anew wherever a map reads it: it takes no arithmetic and counts nothing."""


@lru_cache(1 << 12)
def core(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its axes of size 1."""
    return tuple(size for size in shape if size != 1)


class Fusion:
    """One graph's groups; `groups` once `run` is through.

    epilogue : operations that may follow a product or window in its stage.
    """

    def __init__(self, graph: Graph, tilings: Mapping[str, Tiling], epilogue: tuple[str, ...]) -> None:
        self.graph = graph
        self.epilogue = epilogue
        self.roots = set(graph.roots)
        self.groups = Groups()
        self.kinds = {n.id: self._kind(n, tilings) for n in graph.nodes}
        self.claimed: set[int] = set()
        self._behind: dict[int, list[int]] = {}

    def _kind(self, node: Node, tilings: Mapping[str, Tiling]) -> str:
        """The kind of a node's own stage; empty for sources and for what is free."""
        if node.op in SOURCES or node.op in FREE:
            return ""
        return tilings[node.op].kind(Site(node, tuple(self.graph[i].type for i in node.inputs)))

    def shape(self, number: int) -> tuple[int, ...]:
        return core(self.graph[number].type.shape)

    def base(self, number: int) -> int:
        """What a node shows in another shape that differs by axes of size 1 alone, or the node itself."""
        node = self.graph[number]
        while node.op in ("reshape", "broadcast_to") and self.shape(node.inputs[0]) == self.shape(node.id):
            node = self.graph[node.inputs[0]]
        return node.id

    def makers(self, number: int) -> set[int]:
        """The groups that make what a node is made of: its own, or those behind a free node."""
        stack, found = [number], set()
        while stack:
            i = stack.pop()
            if i in self.groups.of:
                found.add(self.groups.of[i])
            elif self.graph[i].op in FREE:
                stack += self.graph[i].inputs
        return found

    def readers(self, number: int) -> list[int]:
        """Nodes that read one, or a view of it that differs by axes of size 1; -1 for a result of the graph."""
        found = [-1] if number in self.roots else []
        for i in dict.fromkeys(self.graph.users[number]):
            user = self.graph[i]
            if user.op in ("reshape", "broadcast_to") and self.shape(i) == self.shape(number):
                found += self.readers(i)
            else:
                found.append(i)
        return found

    def run(self) -> Groups:
        """All groups, in the order of their first nodes."""
        for node in self.graph.nodes:
            if self.kinds[node.id] in WITH_EPILOGUE:
                self._claim_epilogue(node)
        for node in self.graph.nodes:
            if self.kinds[node.id] in WITH_PROLOGUE:
                self._claim_prologue(node)
        for node in self.graph.nodes:
            if node.id in self._behind:
                members = self._behind[node.id]
                kind = next(k for k in (self.kinds[i] for i in members) if k != MAP)
                self._found(Group(kind, list(members)))
            elif self.kinds[node.id] and node.id not in self.claimed:
                if self.kinds[node.id] == MAP:
                    self._join(node)
                else:
                    self._found(Group(self.kinds[node.id], [node.id]))
        return self.groups

    def _found(self, group: Group) -> int:
        needed = {m for i in group.members for o in self.graph[i].inputs for m in self.makers(o)}
        return self.groups.add(group, sorted(needed))

    def _claim_epilogue(self, node: Node) -> None:
        """What follows a product, each step read by the next alone, and not part of another chain."""
        chain = [node.id]
        while chain[-1] not in self.roots:
            users = self.graph.users[chain[-1]]
            if len(users) != 1 or users[0] in self.claimed:
                break
            user = self.graph[users[0]]
            follows = user.op in self.epilogue and self.graph[chain[-1]].type.shape == user.type.shape
            if not follows or (user.op == "add_q" and self._later(user, chain[-1])):
                break
            chain.append(user.id)
        if len(chain) > 1:
            self.claimed.update(chain)
            self._behind[chain[-1]] = chain

    def _later(self, user: Node, chain: int) -> bool:
        """Whether another operand of a sum is the end of a chain that could take the sum as well, and comes later."""
        return any(
            i > chain and self.graph[i].op == "requantize" and len(self.graph.users[i]) == 1
            for i in user.inputs
        )

    def _claim_prologue(self, node: Node) -> None:
        """Element-wise nodes of the operand's shape whose readers are all among these, or the reduction."""
        shape, ours, pending = self.shape(node.inputs[0]), {node.id}, [self.base(node.inputs[0])]
        operands: set[int] = set()
        while pending:
            pending.sort()
            i = pending.pop()
            if i in ours or i in operands:
                continue
            alone = self.kinds[i] == MAP and i not in self.claimed and self.shape(i) == shape
            mine = {self.base(o) for o in self.graph[i].inputs if self.shape(o) == shape} - {i}
            full = {o for o in mine if self.graph[o].op not in FREE}
            if alone and set(self.readers(i)) <= ours and len((operands | full) - ours) < LIVE:
                ours.add(i)
                pending += sorted(mine - ours)
            elif self.graph[i].op not in FREE:
                operands.add(i)
        if len(ours) > 1:
            self.claimed |= ours
            self._behind[node.id] = sorted(ours, key=self._place)

    def _place(self, number: int) -> int:
        return self._places[number]

    @property
    def _places(self) -> dict[int, int]:
        if not hasattr(self, "_place_of"):
            self._place_of = {n.id: at for at, n in enumerate(self.graph.nodes)}
        return self._place_of

    def _join(self, node: Node) -> None:
        """An element-wise node to the maps it reads, as far as these can become one; else a map of its own."""
        shape = self.shape(node.id)
        near = {
            self.groups.of[b]
            for b in map(self.base, node.inputs)
            if b in self.groups.of and self.shape(b) == shape
        }
        needed = {m for o in node.inputs for m in self.makers(o)}
        mine = None
        for number in sorted(near, reverse=True):
            if not self.groups.found[number].open:
                continue
            if mine is None:
                if any(self.groups.depends(m, number) for m in needed):
                    continue
                if self._live([*self.groups.found[number].members, node.id]) <= LIVE:
                    mine = number
                    self.groups.found[number].members.append(node.id)
                    self.groups.of[node.id] = number
                    self.groups.follow(number, sorted(needed))
            elif self.groups.can_merge(mine, number):
                both = [*self.groups.found[number].members, *self.groups.found[mine].members]
                if self._live(both) <= LIVE:
                    self.groups.merge(mine, number)
        if mine is None:
            self._found(Group(MAP, [node.id], open=True))

    def _live(self, members: list[int]) -> int:
        """Operands and results of the full shape that a map of these nodes has, as far as the graph is known."""
        ours, shape = set(members), self.shape(members[0])
        operands = {
            self.base(o) for i in members for o in self.graph[i].inputs if self.shape(o) == shape
        } - ours
        results = [i for i in members if not set(self.readers(i)) <= ours]
        return sum(self.graph[i].op not in FREE for i in operands) + len(results)
