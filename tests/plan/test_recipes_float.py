"""Recipes of float32 products against the tiles that are built, and against the emulated core."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.emulator.core import Core
from spinntensor.errors import DTCMError, OperandError
from spinntensor.kernels import gemm_f32_tile
from spinntensor.kernels.gemm_f32_tile import GemmTile
from spinntensor.kernels.tile import Fetch, Step, Store, Tile
from spinntensor.machine.tile import run_tile
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import conv_float, gemm_float
from spinntensor.plan.recipes.gemm_float import cycles
from spinntensor.plan.recipes.parts import ROOM
from spinntensor.plan.recipes.windows import Adjoint, Conv, classes

SIZES = {
    "convert_f32_top": ("rows", "k"),
    "convert_f32_panel": ("rows", "k"),
    "gemm_f32_2x2_u64": ("m", "n", "k", "accumulate"),
    "gemv_f32_4_u32": ("m", "k", "accumulate"),
    "convert_f32_result": ("m", "n"),
}
"""Words of a kernel's record that its shape is made of, under their names."""


def calls_of(tile: Tile) -> Counter:
    """The calls of a tile by kernel and shape."""
    found: Counter = Counter()
    for step in (a for a in tile.actions if isinstance(a, Step)):
        w = step.words
        shape = {name: w[name] for name in SIZES[step.kernel]}
        found[step.kernel, tuple(sorted(shape.items()))] += 1
    return found


def predicted(recipe: Recipe) -> Counter:
    return Counter({(c.kernel, c.shape): c.count for c in recipe.calls})


def one_place(recipe: Recipe) -> dict[str, int]:
    return {r.name: r.nbytes for r in recipe.regions}


@settings(max_examples=25)
@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(2, 70),
    st.sampled_from([0, 16, 32]),
    st.sampled_from([2, 4, 8]),
)
def test_a_float32_product_is_the_tile_that_is_built(m, n, k, chunk, group):
    chunk = chunk if chunk < k else 0
    shape = {"m": m, "n": n, "k": k}
    operands = gemm_f32_tile.sample(np.random.default_rng(m * n + k), shape, False)
    tile = gemm_f32_tile.build(GemmTile(m, n, k, chunk, group), operands)
    recipe = gemm_float.matmul(m, n, k, chunk, group)
    found = one_place(recipe)
    for name in ("a", "sums", "tops", "exponents", "counts"):
        assert found[name] == tile.regions[name]
    assert predicted(recipe) == calls_of(tile)
    bytes_ = sum(a.nbytes for a in tile.actions if isinstance(a, Fetch))
    assert bytes_ <= gemm_float.loaded(recipe)
    assert sum(a.nbytes for a in tile.actions if isinstance(a, Store)) <= sum(s.nbytes for s in recipe.stores)


@pytest.mark.parametrize("shape", [(16, 16, 64, 0, 8), (8, 12, 96, 32, 4), (15, 9, 33, 0, 4)])
def test_a_float32_product_takes_the_cycles_of_its_recipe(shape, rng):
    m, n, k = shape[:3]
    operands = gemm_f32_tile.sample(rng, {"m": m, "n": n, "k": k}, False)
    done = run_tile(Core(), gemm_f32_tile.build(GemmTile(*shape), operands))
    assert done.counters.cycles == pytest.approx(cycles(gemm_float.matmul(*shape)), rel=0.02)


@given(st.integers(1, 200), st.integers(2, 200), st.integers(1, 8192), st.booleans())
@settings(max_examples=30)
def test_the_best_float32_products_fit(m, n, k, part):
    try:
        found = gemm_float.best(m, n, k, lying=gemm_float.Lying(part=part))
    except DTCMError as e:
        assert e.needed > ROOM
        return
    for recipe in found:
        assert recipe.dtcm_bytes <= ROOM
        assert recipe.macs == m * n * k
    order = [(gemm_float.effort(r), gemm_float.loaded(r)) for r in found]
    assert order == sorted(order) and [b for _, b in order] == sorted((b for _, b in order), reverse=True)


def test_sums_beyond_a_piece_are_refused():
    with pytest.raises(OperandError, match="8193"):
        gemm_float.matmul(4, 4, 8193)
    with pytest.raises(OperandError, match="at most 8,192"):
        conv_float.conv(Conv((2, 2), 1024, 4, (3, 3)))


convs = st.builds(
    Conv,
    st.tuples(st.integers(1, 4), st.integers(2, 9)),
    st.sampled_from([4, 8, 16]),
    st.integers(1, 20),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
)


@given(convs)
@settings(max_examples=40)
def test_the_best_convolutions_fit(c):
    try:
        found = conv_float.best(c)
    except DTCMError:
        return
    assert all(r.dtcm_bytes <= ROOM and r.macs == c.macs for r in found)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 4))
def test_the_classes_of_an_adjoint_share_all_taps(kh, kw, sy, sx, before):
    found = classes((kh, kw), (sy, sx), (before, before))
    assert sum(one.taps[0] * one.taps[1] for one in found) == kh * kw
    t = Adjoint((4 * sy, 4 * sx), 12, 8, (kh, kw), (sy, sx), (before, before))
    assert t.macs == 16 * kh * kw * 12 * 8
    assert sum(count[0] * count[1] for _, count in t.classes) <= 16 * sy * sx
