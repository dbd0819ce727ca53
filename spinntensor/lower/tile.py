"""One tile of a stage: what it reads, what it computes, and how partial sums become results.

Everything is found by going back from a box of the results, node by node, through the rules of the operations. The same
walk says which boxes of other values a tile needs, and computes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from spinntensor.lower.box import Box, Span, reshaped
from spinntensor.lower.kinds import MAP
from spinntensor.lower.lowering import site_of
from spinntensor.lower.site import Part, Site, Split, Tiling, hull, parted
from spinntensor.lower.stage import Lowered, Stage
from spinntensor.lower.tilings import TILINGS
from spinntensor.ops.operation import Counted, Value

Fetch = Callable[[int, Box], Value]
"""`(node that a stage reads, box) -> that part of its value`."""
Counting = Callable[[int, Mapping[str, int]], None]
"""Told what happened in a node."""


@dataclass(frozen=True, eq=False)
class Work:
    """A stage made ready: its nodes with their rules."""

    lowered: Lowered
    stage: Stage
    tilings: Mapping[str, Tiling] = field(default_factory=lambda: TILINGS)

    @cached_property
    def sites(self) -> dict[int, tuple[Site, Tiling]]:
        graph = self.lowered.graph
        return {i: (site_of(graph, i), self.tilings[graph[i].op]) for i in self.stage.nodes}

    @cached_property
    def summing(self) -> tuple[int, Site, Split]:
        """The node whose sums are split, and how; for stages that have `sums`."""
        (found,) = [
            (i, site, tiling.split)
            for i, (site, tiling) in self.sites.items()
            if tiling.split is not None and tiling.kind(site) != MAP
        ]
        return found

    def _summed(self, box: Box) -> Box:
        """The box of the summing node that a box of the results is made of."""
        number = self.summing[0]
        todo = [(i, box) for i in self.stage.results]
        while todo:
            i, at = todo.pop()
            if i == number:
                return at
            if i in self.sites:
                site, tiling = self.sites[i]
                todo += zip(site.node.inputs, tiling.reads(site, at), strict=True)
        raise AssertionError("the results of a stage come from its sums")

    def reads(self, box: Box, sums: Span | None = None, joining: bool = False) -> dict[int, Box]:
        """For each node that a tile reads, the smallest box that holds what it reads of it.

        sums : the part of what is summed over, for a tile that leaves partial sums.
        joining : what joining such parts reads beside them.
        """
        found: dict[int, list[Box]] = {}
        todo = [(i, box) for i in self.stage.results]
        stop, beside = -1, list[tuple[int, Box]]()
        if sums is not None:
            _, site, split = self.summing
            boxes = split.reads(site, self._summed(box), sums)
            todo = [pair for some in boxes for pair in zip(site.node.inputs, some, strict=True)]
        elif joining:
            stop, site, split = self.summing
            beside = [(site.node.inputs[place], at) for place, at in split.beside(site).items()]
        seen = set(todo)
        while todo:
            i, at = todo.pop()
            if i == stop:
                todo += [pair for pair in beside if pair not in seen]
                seen.update(beside)
                continue
            if i not in self.sites:
                found.setdefault(i, []).append(at)
                continue
            site, tiling = self.sites[i]
            for pair in zip(site.node.inputs, tiling.reads(site, at), strict=True):
                if pair not in seen:
                    seen.add(pair)
                    todo.append(pair)
        return {i: hull(found[i]) for i in self.stage.inputs if i in found}

    def run(self, box: Box, fetch: Fetch, counting: Counting) -> dict[int, Value]:
        """The box of all results."""
        walk = _Walk(self, fetch, counting, {})
        return {i: walk.value(i, box) for i in self.stage.results}

    def partial(self, box: Box, sums: Span, fetch: Fetch, counting: Counting) -> Part:
        """What a tile leaves of a part of the sums."""
        _, site, split = self.summing
        walk, at = _Walk(self, fetch, counting, {}), self._summed(box)
        boxes = split.reads(site, at, sums)
        operands = [[walk.value(i, b) for i, b in zip(site.node.inputs, some, strict=True)] for some in boxes]
        return split.partial(site, at, sums, operands)

    def join(self, box: Box, parts: list[Part], fetch: Fetch, counting: Counting) -> dict[int, Value]:
        """The box of all results from its parts, in the order of their spans."""
        number, site, split = self.summing
        at = self._summed(box)
        walk = _Walk(self, fetch, counting, {})
        walk.keep(number, at, split.join(site, at, parts))
        return {i: walk.value(i, box) for i in self.stage.results}


@dataclass(frozen=True, eq=False)
class _Walk:
    """Values of nodes in boxes, each computed once."""

    work: Work
    fetch: Fetch
    counting: Counting
    known: dict[tuple[int, Box], Value]

    def keep(self, number: int, box: Box, result: Value | Counted) -> Value:
        value, counts = parted(result)
        if counts:
            self.counting(number, counts)
        self.known[number, box] = value
        return value

    def value(self, number: int, box: Box) -> Value:
        if (number, box) in self.known:
            return self.known[number, box]
        if number not in self.work.sites:
            return self.keep(number, box, self.fetch(number, box))
        site, tiling = self.work.sites[number]
        operands = [self.value(i, b) for i, b in zip(site.node.inputs, tiling.reads(site, box), strict=True)]
        return self.keep(number, box, tiling.run(site, box, operands))


def at_home(lowered: Lowered, number: int, box: Box) -> tuple[int, Box]:
    """The node that holds the bytes of another, and the smallest box of it that holds a box of that one."""
    home = lowered.home(number)
    if home == number:
        return number, box
    return home, reshaped(box, lowered.graph[number].type.shape, lowered.graph[home].type.shape)
