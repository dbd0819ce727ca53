"""Plans of small float32 and bfp16 graphs walked on the emulated core, against the host executor."""

from __future__ import annotations

from collections import Counter

import numpy as np
from cutting import same
from walking import RANDOM, Chip, order_of, run_row, walk

from spinntensor.formats.description import Quantized
from spinntensor.image.contents import from_bytes, to_bytes
from spinntensor.image.emit.action import Fetch, Step, Store
from spinntensor.image.overlap import Move, overlapped
from spinntensor.image.rows import sites_of
from spinntensor.lower.box import sizes
from spinntensor.lower.site import dtype_of
from spinntensor.machine import host
from spinntensor.machine.geometry import chip
from spinntensor.plan.execute import _Memory, _stage
from spinntensor.plan.keep import lowered_with
from spinntensor.plan.planner import plan
from spinntensor.plan.recipes.parts import OPERANDS_AT
from spinntensor.plan.share import JOIN


def agree(graph, values, where=None, objective="throughput", when=(RANDOM,), batch=1, counts=False):
    """The rows of a plan leave the host's bits, whenever transfers happen; its tiles are those of its recipes.

    counts : whether what the host counts is compared, too.
    """
    where = where or chip()
    made = plan(graph, where, objective=objective, batch=batch)
    sites = sites_of(made, graph, where)
    as_said(sites, order_of(made))
    want = host.execute(host.prepare(graph), values)
    for one in when:
        outputs, updates, chip_ = walk(made, graph, where, values, one)
        for got, expected in zip(outputs, want.outputs, strict=True):
            assert not isinstance(expected, Quantized)
            assert same(got, expected), (one, np.argwhere(got != expected)[:8], got.shape)
        assert all(same(updates[v], want.updates[v]) for v in want.updates)
        assert 0.7 < chip_.core.cycles / cycles_of(sites, order_of(made)) < 1.1
        if counts:
            found = sites.counts.summed(lambda at, n, sdram=chip_.sdram: sdram[at : at + n].tobytes())
            assert found == want.counts
    return made


def tiles_of(sites, share):
    """The recipes of a share's tiles, in its worker's order."""
    site = sites.sites[share.stage]
    if share.step == JOIN:
        return [site.joins[sizes(box)] for box, worker in site.cut.joins() if worker == share.worker]
    return [
        site.recipes[sizes((*task.box, *([task.sums] if task.sums else [])))]
        for task, worker in site.cut
        if worker == share.worker
    ]


def cycles_of(sites, shares):
    """Model cycles of all kernels, by the recipes."""
    return sum(call.cycles for share in shares for recipe in tiles_of(sites, share) for call in recipe.calls)


def as_said(sites, shares):
    """Calls by kernel and count, and no more bytes and transfers than the recipes of these shares have; operands whose
    images lie apart take more of these."""
    for share in shares:
        apart = any(
            sites.places.by_image(i) for i in map(sites.lowered.home, sites.sites[share.stage].stage.inputs)
        )
        for recipe, code in zip(tiles_of(sites, share), sites.tiles(share), strict=True):
            found = Counter(a.kernel for a in code.actions if isinstance(a, Step))
            said = Counter()
            for call in recipe.calls:
                said[call.kernel] += call.count
            assert found == said, (code.name, found, said)
            for kind, transfers in ((Fetch, recipe.loads), (Store, recipe.stores)):
                moves = [a for a in code.actions if isinstance(a, kind)]
                assert sum(a.nbytes for a in moves) <= sum(t.nbytes for t in transfers), (code.name, kind)
                assert apart or len(moves) <= sum(t.pieces for t in transfers), (code.name, kind)


def stage_by_stage(graph, values, kinds, where=None, objective="throughput", when=(RANDOM,), batch=1):
    """The stages of some kinds on the emulated core, each on what the host computed before it: (plan, their number).

    Outputs, counts and calls are compared; all other stages may be of kinds that no emitter writes.
    """
    where = where or chip()
    made = plan(graph, where, objective=objective, batch=batch)
    lowered = lowered_with(graph, made.recomputed)
    memory, counts = _Memory(lowered, values), {}

    def counting(number, found):
        counts.setdefault(number, Counter()).update({name: n for name, n in found.items() if n})

    with np.errstate(all="ignore"):
        for stage, layer in zip(lowered.stages, made.layers, strict=True):
            memory.whole |= _stage(lowered, stage, layer.cut, memory, counting)
    chosen = [s for s in lowered.stages if s.kind in kinds]
    for one in when:
        _walked(made, graph, where, chosen, memory, counts, one)
    return made, len(chosen)


def _walked(made, graph, where, chosen, memory, counts, when):
    sites, rng = sites_of(made, graph, where), np.random.default_rng(1)
    shares = [s for s in order_of(made) if s.stage in {stage.number for stage in chosen}]
    as_said(sites, shares)
    rows = {s.number: overlapped(tuple(sites.tiles(s)), OPERANDS_AT) for s in shares}
    kernels = {c.kernel for row in rows.values() for c in row.commands if not isinstance(c, Move)}
    chip_ = Chip(sites.constants.end, kernels)
    chip_.sdram[:] = rng.integers(0, 256, len(chip_.sdram), np.uint8)
    for at, content in sites.constants.pieces:
        chip_.sdram[at : at + len(content)] = np.frombuffer(content, np.uint8)

    def offset_of(turn):
        t = sites.places.turns[turn]
        return t.stride * (t.first % t.copies)

    def spans(site, home, write=False):
        layout = sites.setting.layout(home)
        step = layout.nbytes // layout.shape[0] if sites.places.by_image(home) else layout.nbytes
        for offset in range(0, layout.nbytes, step):
            found = site.at(home, offset, write)
            yield slice(offset, offset + step), found.address + offset_of(found.turn)

    for stage in chosen:
        site = sites.sites[stage.number]
        for number in stage.inputs:
            home = sites.lowered.home(number)
            content = to_bytes(memory.whole[home], sites.setting.layout(home))
            filled = to_bytes(_filled(_data(memory.whole[home])), sites.setting.layout(home))
            content = np.where(filled == 0, rng.integers(0, 256, len(content), np.uint8), content)
            for part, at in spans(site, home):
                chip_.sdram[at : at + part.stop - part.start] = content[part]
        for share in shares:
            if share.stage == stage.number:
                run_row(
                    chip_, rows[share.number], list(map(offset_of, range(len(sites.places.turns)))), when, rng
                )
        batch = -made.layers[stage.number].phase  # of the first period
        found = sites.counts.summed(lambda at, n: chip_.sdram[at : at + n].tobytes(), batch)
        for number in stage.results:
            layout, kind = sites.setting.layout(number), sites.lowered.graph[number].type
            got = np.concatenate(
                [chip_.sdram[at : at + p.stop - p.start] for p, at in spans(site, number, True)]
            )
            got = from_bytes(got, layout, dtype_of(kind.format)).reshape(kind.shape)
            want = memory.whole[number]
            assert same(got, want), (stage.name, when, np.argwhere(got != want)[:8], got.shape)
            assert found.get(number, {}) == dict(counts.get(number, {})), stage.name
    assert 0.7 < chip_.core.cycles / cycles_of(sites, shares) < 1.1


def _data(value):
    return value.data if isinstance(value, Quantized) else value


def _filled(data):
    """An array of the same type whose bits are all set."""
    return np.full(data.nbytes, 255, np.uint8).view(data.dtype).reshape(data.shape)
