"""Walks small graphs, or single stages of a plan on operands as the host computes them, and reads the results."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from walking import EARLY, LATE, RANDOM, Chip, run_row, walk

from spinntensor.formats.description import Quantized
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import CONSTANT, SOURCES, TensorType
from spinntensor.image.contents import from_bytes, to_bytes
from spinntensor.image.emit import table
from spinntensor.image.emit.action import Fetch, Step, Store
from spinntensor.image.overlap import Move, overlapped
from spinntensor.image.rows import sites_of
from spinntensor.kernels.kernel import equal_bits
from spinntensor.lower.box import sizes
from spinntensor.lower.operations import LOWERED
from spinntensor.lower.site import dtype_of
from spinntensor.machine import host
from spinntensor.machine.geometry import chip
from spinntensor.ops import RULES
from spinntensor.ops.operation import Counted
from spinntensor.plan.planner import plan
from spinntensor.plan.recipes.parts import OPERANDS_AT
from spinntensor.plan.share import JOIN


class Computed(NamedTuple):
    """All values of a lowered graph, and what was counted in which node."""

    values: dict
    counts: dict


def computed(lowered, values):
    """Every node of a lowered graph on the host."""
    found, counts = {}, {}
    with np.errstate(all="ignore"):
        for node in lowered.graph.nodes:
            if node.op in SOURCES:
                constants = lowered.graph.constants
                found[node.id] = constants[node.id] if node.op == CONSTANT else values[node.id]
                continue
            result = LOWERED[node.op].run(*(found[i] for i in node.inputs), **dict(node.attributes))
            if isinstance(result, Counted):
                result, what = result
                counts[node.id] = {name: n for name, n in what.items() if n}
            found[node.id] = result
    return Computed(found, counts)


def data_of(value):
    return value.data if isinstance(value, Quantized) else np.asarray(value)


def shaped(value, shape):
    """A value in another shape of the same elements."""
    return data_of(value).reshape(shape)


def recipes_agree(site, code, recipe, exact=True):
    """The kernel calls of a tile are those of its recipe, and it moves no more bytes but for those of double words.

    exact : False where a tile may have less of its operands than its recipe says.
    """
    calls = Counter(a.kernel for a in code.actions if isinstance(a, Step))
    wanted = Counter()
    for call in recipe.calls:
        wanted[call.kernel] += call.count
    assert calls == wanted if exact else calls <= wanted, (site.stage.name, recipe.kernel, calls, wanted)
    for kind, transfers in ((Fetch, recipe.loads), (Store, recipe.stores)):
        moves = [a for a in code.actions if isinstance(a, kind)]
        given = sum(t.nbytes for t in transfers)
        assert sum(a.nbytes for a in moves) <= given + 8 * sum(t.pieces for t in transfers), site.stage.name


def agree(site):
    """All tiles of a stage with their recipes."""
    exact = site.stage.kind != "move"
    for task, _ in site.cut:
        span = () if task.sums is None else (task.sums,)
        recipes_agree(site, table.tile(site, task), site.recipes[sizes((*task.box, *span))], exact)
    for box, _ in site.cut.joins() if site.cut.partial else ():
        recipes_agree(site, table.join(site, box), site.joins[sizes(box)])


ROUNDED = {"quantize", "round_bfp16", "quantize_bfp16_to"}
"""Operations whose counts cores report."""


def drawn(rng, shape, form, low=-100, high=100):
    """Numbers of a format."""
    if form == "float32":
        return np.asarray(rng.standard_normal(shape), np.float32)
    if form == "bool":
        return np.asarray(rng.integers(0, 2, shape), np.bool_)
    return np.asarray(rng.integers(low, high, shape), form)


def walked(build, seed=0, where=None, objective="latency"):
    """A graph, whole, at all times of transfers: (plan, counts by node).

    build : adds operations to a builder; it is given a function that makes an input of a shape, format and range.
    """
    b, rng, values = Builder(RULES), np.random.default_rng(seed), {}

    def given(shape, form="float32", low=-100, high=100):
        number = b.input(f"x{len(values)}", TensorType(tuple(shape), form))
        values[number] = drawn(rng, shape, form, low, high)
        return number

    graph = host.optimised(b.graph(tuple(build(b, given))))
    where = where or chip()
    made = plan(graph, where, objective=objective)
    want = host.execute(host.prepare(graph), values)
    for when in (LATE, EARLY, RANDOM):
        outputs, _, done = walk(made, graph, where, values, when, seed)
        for got, wanted in zip(outputs, map(data_of, want.outputs), strict=True):
            assert equal_bits(got, wanted), (when, where_differ(got, wanted))
    sites = sites_of(made, graph, where)
    for site in sites.sites:
        agree(site)
    found = sites.counts.summed(lambda at, n: bytes(done.sdram[at : at + n]))
    rounded = {n.id for n in graph.nodes if n.op in (*ROUNDED, "quantize_bfp16")}
    assert found == {n: dict(c) for n, c in want.counts.items() if n in rounded}
    return made, found


def walk_stages(plan, graph, where, values, kinds, when=LATE, seed=0):
    """Each stage of these kinds by itself: (names of the stages that were walked, counts by node)."""
    sites = sites_of(plan, graph, where)
    rng = np.random.default_rng(seed)
    lowered = sites.lowered
    truth = computed(lowered, values)
    walked, counts = [], {}
    for stage, layer in zip(lowered.stages, plan.layers, strict=True):
        if stage.kind not in kinds:
            continue
        site = sites.sites[stage.number]
        shares = sorted(
            (s for s in plan.shares if s.stage == stage.number), key=lambda s: (s.step == JOIN, s.number)
        )
        rows = []
        for share in shares:
            tiles = tuple(sites.tiles(share))
            rows.append(overlapped(tiles, OPERANDS_AT))
        agree(site)
        kernels = {c.kernel for row in rows for c in row.commands if not isinstance(c, Move)}
        core = Chip(sites.constants.end, kernels)
        offsets = [t.stride * ((site.phase + t.first) % t.copies) for t in sites.places.turns]
        core.sdram[:] = rng.integers(0, 256, len(core.sdram), np.uint8)
        for at, content in sites.constants.pieces:
            core.sdram[at : at + len(content)] = np.frombuffer(content, np.uint8)
        _put(site, truth, core, offsets)
        for row in rows:
            run_row(core, row, offsets, when, rng)
        for number in stage.results:
            got, want = _read(site, number, core, offsets), data_of(truth.values[number])
            assert equal_bits(got, want), (
                stage.name,
                layer.recipe.kernel,
                number,
                got.shape,
                where_differ(got, want),
            )
        found = sites.counts.summed(lambda at, n, held=core.sdram: bytes(held[at : at + n]))
        for node, names in found.items():
            if node in stage.nodes:
                counts[node] = names
        walked.append(stage.name)
    wanted = {n: c for n, c in truth.counts.items() if lowered.graph[n].op in ROUNDED and c}
    mine = {i for s in lowered.stages if s.kind in kinds for i in s.nodes}
    assert counts == {n: c for n, c in wanted.items() if n in mine}
    return walked, counts


def where_differ(got, want):
    bad = np.argwhere(got != want)
    return len(bad), bad[:4].tolist(), [(got[tuple(b)], want[tuple(b)]) for b in bad[:4]]


def _images(site, home, write):
    """Bytes of a value that lie side by side: where, offset, how many."""
    layout = site.layout(home)
    if site.places.by_image(home):
        one = layout.nbytes // layout.shape[0]
        return [
            (site.places.at(home, i * one, write, site.phase), i * one, one) for i in range(layout.shape[0])
        ]
    return [(site.places.at(home, 0, write, site.phase), 0, layout.nbytes)]


def _put(site, truth, core, offsets):
    for number in site.stage.inputs:
        home = site.lowered.home(number)
        content = to_bytes(
            shaped(truth.values[number], site.lowered.graph[home].type.shape), site.layout(home)
        )
        for place, offset, nbytes in _images(site, home, False):
            at = place.address + offsets[place.turn]
            core.sdram[at : at + nbytes] = content[offset : offset + nbytes]


def _read(site, number, core, offsets):
    home, kind = site.lowered.home(number), site.lowered.graph[number].type
    parts = []
    for place, _, nbytes in _images(site, home, True):
        at = place.address + offsets[place.turn]
        parts.append(core.sdram[at : at + nbytes])
    return from_bytes(np.concatenate(parts), site.layout(home), dtype_of(kind.format)).reshape(kind.shape)
