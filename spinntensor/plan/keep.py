"""Which activations of a training step stay in SDRAM, and which are computed again when the backward pass needs them.

Values are dropped only where the step does not fit otherwise: those that are quickest to make again for the bytes they
free at the fullest moment, as long as what they are made of is there anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from spinntensor.graph.graph import SOURCES, Graph
from spinntensor.kernels import kernel
from spinntensor.lower import lower
from spinntensor.lower.fuse import FREE
from spinntensor.lower.legalise import legalise
from spinntensor.lower.recompute import cone, gap, recomputed, repeatable
from spinntensor.lower.stage import Lowered
from spinntensor.plan.cut import Cut
from spinntensor.plan.layout import Layout
from spinntensor.plan.needs import rules
from spinntensor.plan.recipe import call_cycles
from spinntensor.plan.recipes.elementwise import kernel_for
from spinntensor.plan.sdram import fullest, live_bytes
from spinntensor.plan.values import Value, values

Cone = tuple[int, ...]
"""Nodes that are computed again for the last of them."""
ROUNDS = 6
"""Times that more values are dropped before a graph is planned as it is."""
SAMPLE = 512
"""Elements of the call by which an operation is priced."""


def whole_values(
    lowered: Lowered, layout: Callable[[int], Layout], roles: Mapping[int, str]
) -> tuple[Value, ...]:
    """The values of a graph when nothing is cut: what any plan has to keep at least."""
    cuts = [Cut(tuple(((0, a.size),) for a in s.axes), owners=(0,)) for s in lowered.stages]
    return values(lowered, cuts, rules(lowered), layout, {}, roles=roles)


def kept(graph: Graph, layouts: Callable[[Lowered], Callable[[int], Layout]], limit: int) -> tuple[Cone, ...]:
    """What to compute again so that the values of a graph need at most `limit` bytes, as far as that can be.

    layouts : of the values of a lowered graph.

    Programs, code, packed constants and gaps between values come on top.
    """
    graph = legalise(graph)
    copies: dict[int, int] = {}
    cones: list[Cone] = []
    for _ in range(ROUNDS):
        lowered = lower(graph, residual=True)
        found = whole_values(lowered, layouts(lowered), {})
        excess = live_bytes(found) - limit
        if excess <= 0:
            break
        chosen = _chosen(graph, lowered, found, excess, copies)
        if not chosen:
            break
        made = recomputed(graph, chosen)
        copies.update({copy: copies.get(i, i) for copy, i in made.copies.items()})
        cones += chosen
        graph = made.graph
    return tuple(cones)


def lowered_with(graph: Graph, cones: Sequence[Cone]) -> Lowered:
    """The stages of a graph in which these are computed again; what `Plan.layers` are those of."""
    if not cones:
        return lower(graph, residual=True)
    made = recomputed(legalise(graph), cones)
    return replace(lower(made.graph, residual=True), copies=made.copies)


def _chosen(
    graph: Graph, lowered: Lowered, found: Sequence[Value], excess: int, copies: Mapping[int, int]
) -> list[Cone]:
    """Cones of nodes to compute again, the cheapest first, until they free as many bytes as there are too many."""
    moment = fullest(found)
    end = len(lowered.stages)
    last = {v.node: v.last if v.first >= 0 else end for v in found}
    stage = {i: s.number for s in lowered.stages for i in s.nodes}
    views: dict[int, list[int]] = {}
    for node in graph.nodes:
        views.setdefault(lowered.home(node.id), []).append(node.id)
    repeated = {*copies, *copies.values()}
    offers = []
    for value in found:
        if not 0 <= value.first <= moment <= value.last:
            continue
        for number in views.get(value.node, []):
            if number in repeated or not repeatable(graph, number):
                continue
            late = gap(graph, number)[1]
            back = min((stage.get(i, value.last) for i in late), default=0)
            if not late or not max((u for u in value.uses if u < back), default=back) < moment < back:
                continue

            def there(i: int, back: int = back, own: int = value.node) -> bool:
                home = lowered.home(i)
                return home != own and last.get(home, end if graph[i].op in SOURCES else -1) >= back

            nodes = cone(graph, number, there)
            if nodes:
                price = sum(_price(graph, i) for i in nodes)
                offers.append((price / value.total, value.total, nodes))
    chosen, freed = [], 0
    for _, nbytes, nodes in sorted(offers):
        if freed >= excess:
            break
        chosen.append(nodes)
        freed += nbytes
    return chosen


def _price(graph: Graph, number: int) -> float:
    """Model cycles of computing a node again, by its kernels on a block of elements."""
    node = graph[number]
    if node.op in FREE:
        return 0.0
    cycles = 0.0
    for name in kernel_for(graph, node) or ():
        sizes = {d: SAMPLE if d == "n" else low for d, (low, _) in kernel(name).dims.items()}
        cycles += call_cycles(name, tuple(sorted(sizes.items())))
    return cycles / SAMPLE * node.type.size
