"""Recipes of depthwise convolutions against the tiles that the real builder makes, and against the emulated core."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.emulator.core import Core
from spinntensor.kernels import depthwise_tile
from spinntensor.kernels.depthwise_tile import Depthwise
from spinntensor.kernels.tile import Fetch, Step, Store
from spinntensor.machine.tile import run_tile
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.depthwise import best, depthwise


@st.composite
def tiles(draw):
    block = draw(st.sampled_from([0, 8, 16]))
    channels = draw(st.integers(1, 3)) * (block or 4)
    out = draw(st.tuples(st.integers(1, 5), st.integers(1, 8)))
    border = draw(st.tuples(*[st.integers(0, 1)] * 4))
    by_rows = draw(st.tuples(st.booleans(), st.booleans())) if block else (False, False)
    return Depthwise(
        out, channels, draw(st.integers(1, 2)), border, block, draw(st.sampled_from([0, 4, 8])), by_rows
    )


def sizes_of_step(step):
    w = step.words
    if step.kernel == "planes_u8_s16":
        return w["rows"], w["columns"], w["words"], w["flip"] > 0, w["fill"] > 0
    if step.kernel == "interleave_u8":
        return w["pixels"], w["words"]
    return w["channels"], w["out_h"], w["out_w"]


def sizes_of_call(call):
    s = dict(call.shape)
    if call.kernel == "planes_u8_s16":
        border = any(s[n] for n in ("top", "left", "bottom", "right"))
        filled = border or s["columns"] % 2 > 0
        return s["rows"], s["columns"], s["words"], s["signed"] > 0, filled
    if call.kernel == "interleave_u8":
        return s["n"], s["words"]
    return s["c"], s["oh"], s["ow"]


@given(tiles(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_recipe_is_its_tile(d, signed):
    tile = depthwise_tile.tile(d, depthwise_tile.sample(d, np.random.default_rng(1), signed))
    recipe = depthwise(d, Use((signed, signed)))
    assert {r.name: r.nbytes for r in recipe.regions} == dict(tile.regions)
    steps = Counter((s.kernel, sizes_of_step(s)) for s in tile.actions if isinstance(s, Step))
    calls = Counter()
    for call in recipe.calls:
        calls[call.kernel, sizes_of_call(call)] += call.count
    assert calls == steps

    def moved(kind, name):
        found = [a for a in tile.actions if isinstance(a, kind) and a.label.split()[0] == name]
        return sum(-(-a.nbytes // 8) * 8 for a in found), len(found)

    assert [moved(Fetch, t.operand) for t in recipe.loads] == [(t.nbytes, t.pieces) for t in recipe.loads]
    assert [moved(Store, t.operand) for t in recipe.stores] == [(t.nbytes, t.pieces) for t in recipe.stores]
    assert recipe.macs == depthwise_tile.work(d).macs


@given(tiles(), st.booleans())
@settings(max_examples=15, deadline=None)
def test_it_takes_the_cycles_it_says(d, signed):
    done = run_tile(
        Core(), depthwise_tile.tile(d, depthwise_tile.sample(d, np.random.default_rng(2), signed))
    )
    recipe = depthwise(d, Use((signed, signed)))
    assert sum(c.cycles for c in recipe.calls) == pytest.approx(done.counters.cycles, rel=0.02)


def test_the_best_has_the_fewest_groups_that_fit():
    d = Depthwise((14, 14), 32, 1, (1, 1, 1, 1), block=32)
    wide, narrow = best(d), best(d, room=40_000)
    assert wide == depthwise(replace(d, group=32))
    assert narrow == depthwise(replace(d, group=16))
    assert narrow.dtcm_bytes <= 40_000 < wide.dtcm_bytes
    assert best(d, room=10_000) is None
