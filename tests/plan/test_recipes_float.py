"""Recipes of float32 products against the tiles that are built, and against the emulated core."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor import abi
from spinntensor.emulator.core import Core
from spinntensor.errors import DTCMError, OperandError
from spinntensor.kernels import gemm_f32_tile
from spinntensor.kernels.block_float import magnitude_bits
from spinntensor.kernels.gemm_f32_tile import GemmTile
from spinntensor.kernels.kernel import equal_bits
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile
from spinntensor.machine.tile import run_tile
from spinntensor.ops import OPERATIONS
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import conv_float, gemm_float, moves, reductions
from spinntensor.plan.recipes.chain import COPY, Chain, Extent, Link, Value
from spinntensor.plan.recipes.gemm_float import cycles
from spinntensor.plan.recipes.parts import ROOM
from spinntensor.plan.recipes.windows import Conv, adjoint

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
    assert one_place(recipe) == dict(tile.regions)
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


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 8192), st.booleans())
@settings(max_examples=30)
def test_the_best_float32_products_fit(m, n, k, turned):
    try:
        found = gemm_float.best(m, n, k, turned=turned)
    except DTCMError as e:
        assert e.needed > ROOM
        return
    for recipe in found:
        assert recipe.dtcm_bytes <= ROOM
        assert recipe.macs == m * n * k
    order = [(cycles(r), gemm_float.loaded(r)) for r in found]
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


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3))
def test_the_classes_of_an_adjoint_share_all_taps(kh, kw, sy, sx):
    c = Conv((4, 4), 8, 12, (kh, kw), (sy, sx))
    parts = adjoint(c)
    assert sum(p.kernel[0] * p.kernel[1] for p in parts) == kh * kw
    assert {(p.channels, p.out_channels) for p in parts} == {(12, 8)}
    assert sum(p.macs for p in parts) == c.macs


@pytest.mark.parametrize("c", [Conv((2, 8), 8, 6, (3, 3)), Conv((3, 4), 4, 5, (3, 2), (2, 1))])
def test_a_float32_convolution_by_rows_runs_on_the_core(c, rng):
    """The bits of the host's conv2d, by the calls and in the regions of the recipe."""
    x = rng.standard_normal((*c.tile, c.channels)).astype(np.float32)
    w = rng.standard_normal((*c.kernel, c.channels, c.out_channels)).astype(np.float32)
    done = run_tile(Core(), float_conv_tile(c, x, w))
    options = {"stride": c.stride, "dilation": (1, 1), "padding": (0, 0, 0, 0), "groups": 1}
    want = OPERATIONS["conv2d"].run(x[None], w, **options)
    assert equal_bits(done.stored["y"], np.asarray(want)[0])
    assert done.counters.cycles == pytest.approx(cycles(conv_float.conv(c, c.out_channels, True)), rel=0.02)


def float_conv_tile(c: Conv, x: np.ndarray, w: np.ndarray) -> Tile:
    """The tile of `conv_float.conv(c, all channels, resident)`; output rows are of even length."""
    m, n, depth, bits = c.columns(2), c.out_channels, c.chunk, magnitude_bits(c.chunk * c.chunks)
    rows, step = c.out[1], 4 * c.stride[1] * c.channels
    steps: list = [
        Fetch("x", At("x"), x),
        Fetch("w", At("w"), w),
        Fetch("n", At("counts"), np.zeros(4, np.uint32)),
    ]
    flat = {"k_stride": 4, "row_stride": step, "pair_stride": 2 * step, "rows": rows, "k": depth}
    deep = {"k_stride": 4 * n, "row_stride": 4, "pair_stride": 8, "rows": n, "k": depth}

    def over(u: int, i: int) -> At:
        return At("x", 4 * (i * c.stride[0] + u) * c.tile[1] * c.channels)

    for u in range(c.kernel[0]):
        for i in range(c.out[0]):
            top = {"top": At("tops", 4 * i * rows), "accumulate": int(u > 0)}
            steps.append(Step("convert_f32_top", {"x": over(u, i), **flat, **top}))
        top = {"top": At("tops", 4 * m), "accumulate": int(u > 0)}
        steps.append(Step("convert_f32_top", {"x": At("w", 4 * u * depth * n), **deep, **top}))
    for u in range(c.kernel[0]):
        for i in range(c.out[0]):
            places = {"top": At("tops", 4 * i * rows), "exponents": At("exponents", 4 * i * rows)}
            to = {"panels": At("a", 4 * i * rows * depth), "count": At("counts"), "bits": bits}
            steps.append(Step("convert_f32_panel", {"x": over(u, i), **flat, **places, **to}))
        places = {"top": At("tops", 4 * m), "exponents": At("exponents", 4 * m)}
        to = {"panels": At("b"), "count": At("counts"), "bits": bits}
        steps.append(Step("convert_f32_panel", {"x": At("w", 4 * u * depth * n), **deep, **places, **to}))
        words = {"m": m, "n": n, "k": depth, "ldc": n, "accumulate": int(u > 0)}
        steps.append(Step("gemm_f32_2x2_u64", {"a": At("a"), "b": At("b"), "c": At("sums"), **words}))
    places = {"s": At("sums"), "ea": At("exponents"), "eb": At("exponents", 4 * m), "y": At("y")}
    words = {"m": m, "n": n, "lds": n, "ldy": n, "bits": bits, "count": At("counts", 4)}
    steps += [
        Step("convert_f32_result", {**places, **words}),
        Store("y", At("y"), (*c.out, n), np.dtype(np.float32)),
    ]
    return Tile("float32 conv", one_place(conv_float.conv(c, n, True)), tuple(steps))


def float_weight_tile(c: Conv, x: np.ndarray, g: np.ndarray) -> Tile:
    """The tile of `conv_float.weight(c)`: x with its border, the cotangent g [OH,OW,O]."""
    (kh, kw), depth, inner, n = c.kernel, c.out[1], c.channels, c.out_channels
    m, bits = kh * kw * inner, magnitude_bits(c.pixels)
    pixel = 4 * c.stride[1] * inner
    rows = {"k_stride": pixel, "row_stride": 4, "pair_stride": 8, "rows": inner, "k": depth}
    columns = {"k_stride": 4 * n, "row_stride": 4, "pair_stride": 8, "rows": n, "k": depth}
    steps: list = [
        Fetch("x", At("x"), x),
        Fetch("c", At("c"), g),
        Fetch("n", At("counts"), np.zeros(4, np.uint32)),
    ]
    for last in (False, True):
        for i in range(c.out[0]):
            lines = []
            for t in range(kh * kw):
                at = 4 * ((i * c.stride[0] + t // kw) * c.tile[1] + t % kw) * inner
                lines.append((At("x", at), rows, t * inner, At("a", 4 * t * inner * depth)))
            lines.append((At("c", 4 * i * depth * n), columns, m, At("b")))
            for source, layout, line, panels in lines:
                top: dict = {"x": source, **layout, "top": At("tops", 4 * line)}
                if last:
                    top |= {"exponents": At("exponents", 4 * line), "panels": panels}
                    steps.append(Step("convert_f32_panel", top | {"count": At("counts"), "bits": bits}))
                else:
                    steps.append(Step("convert_f32_top", top | {"accumulate": int(i > 0)}))
            if last:
                words = {"m": m, "n": n, "k": depth, "ldc": n, "accumulate": int(i > 0)}
                steps.append(Step("gemm_f32_2x2_u64", {"a": At("a"), "b": At("b"), "c": At("sums"), **words}))
    places = {"s": At("sums"), "ea": At("exponents"), "eb": At("exponents", 4 * m), "y": At("y")}
    words = {"m": m, "n": n, "lds": n, "ldy": n, "bits": bits, "count": At("counts", 4)}
    steps += [
        Step("convert_f32_result", {**places, **words}),
        Store("y", At("y"), (m, n), np.dtype(np.float32)),
    ]
    return Tile("float32 weights", one_place(conv_float.weight(c)), tuple(steps))


def test_a_float32_adjoint_by_the_weights_runs_on_the_core(rng):
    c = Conv((3, 8), 4, 6, (3, 3), (2, 2))
    x = rng.standard_normal((*c.tile, c.channels)).astype(np.float32)
    g = rng.standard_normal((*c.out, c.out_channels)).astype(np.float32)
    done = run_tile(Core(), float_weight_tile(c, x, g))
    options = {
        "stride": c.stride,
        "dilation": (1, 1),
        "padding": (0, 0, 0, 0),
        "groups": 1,
        "kernel": c.kernel,
    }
    want = np.asarray(OPERATIONS["conv2d_weight"].run(x[None], g[None], **options))
    assert equal_bits(done.stored["y"], want.reshape(-1, c.out_channels))
    assert done.counters.cycles == pytest.approx(cycles(conv_float.weight(c)), rel=0.02)


@given(st.integers(1, 3000), st.integers(1, 200), st.integers(8_000, ROOM))
@settings(max_examples=40)
def test_reductions_fit_and_take_every_element(n, c, room):
    square = Chain(
        (Value(), Value(extent=Extent(c))), (Link("subtract", (0, 1)), Link("multiply", (2, 2))), (3,)
    )
    makers = (
        lambda: reductions.columns("sum", n, c, room=room),
        lambda: reductions.columns("sum", n, c, chain=square, room=room),
        lambda: reductions.rows("sum", c, n, room=room),
        lambda: reductions.rows("min", c, n, room=room),
    )
    for make in makers:
        try:
            recipe = make()
        except DTCMError as e:
            assert e.needed > room
            continue
        assert recipe.dtcm_bytes <= room
        assert recipe.loads[0].nbytes >= 4 * n * c
    adds = [(dict(c_.shape), c_.count) for c_ in reductions.columns("sum", n, c).calls if c_.kernel != COPY]
    assert all(shape["n"] == c for shape, _ in adds)
    assert sum(shape["m"] * count for shape, count in adds) == n - 1


def test_column_sums_on_the_core_follow_the_tree(rng):
    """Pairs of rows added level by level in place: the bits of the operation, the cycles of the recipe."""
    n, c = 23, 16
    x = rng.standard_normal((n, c)).astype(np.float32)
    steps: list = [Fetch("x", At("x"), x)]
    left = n
    while left > 1:
        words = {"rows": left // 2, "columns": c, "b_step": 4, "a_row": 8 * c, "b_row": 8 * c, "y_row": 4 * c}
        steps.append(Step("f32_add_rows", {"a": At("x"), "b": At("x", 4 * c), "y": At("x"), **words}))
        if left % 2:
            last = {"a": At("x", 4 * c * (left - 1)), "y": At("x", 4 * c * (left // 2)), "pairs": c // 2}
            steps.append(Step("eltwise_max_s32", {**last, "b": last["a"], "step": 4}))
        left -= left // 2
    steps.append(Store("y", At("x"), (c,), np.dtype(np.float32)))
    done = run_tile(Core(), Tile("sums", {"x": x.nbytes}, tuple(steps)))
    assert equal_bits(done.stored["y"], np.asarray(OPERATIONS["sum"].run(x, axes=(0,))))
    assert done.counters.cycles == pytest.approx(cycles(reductions.columns("sum", n, c)), rel=0.02)


def test_reductions_without_a_kernel_are_refused():
    with pytest.raises(OperandError, match="prod of float32 along rows"):
        reductions.rows("prod", 4, 8)
    with pytest.raises(OperandError, match="argmax of float32 along columns"):
        reductions.columns("argmax", 4, 8)
    with pytest.raises(OperandError, match="min in blocks"):
        reductions.whole("min", 100)


def test_partial_results_are_joined():
    recipe = reductions.join("sum", 16, 64)
    assert [(c.kernel, dict(c.shape)["m"], c.count) for c in recipe.calls] == [
        ("f32_add_rows", m, 1) for m in (8, 4, 2, 1)
    ]
    assert recipe.loads[0].nbytes == 16 * 256
    with pytest.raises(DTCMError):
        reductions.join("sum", 100, 10_000)


def test_moves_are_transfers_of_whole_double_words():
    recipe = moves.move(64 * 1024, 64)
    assert recipe.calls == () and recipe.loads[0].pieces == 1024 and recipe.stores[0].pieces == 8
    assert recipe.dtcm_bytes <= ROOM
    short = moves.move(1200, 12)
    assert {c.kernel for c in short.calls} == {"copy_s32"}
    assert {c.kernel for c in moves.move(1200, 2, 2).calls} >= {"bfp16_to_f32", "bfp16_from_f32"}
    with pytest.raises(OperandError, match="3 bytes"):
        moves.move(1200, 3, 1)
    with pytest.raises(DTCMError):
        moves.move(80_000, 40_000)


@given(st.integers(1, 100), st.integers(1, 3000), st.booleans())
def test_softmax_fits(rows, columns, log):
    recipe = moves.softmax(rows, columns, log)
    assert recipe.dtcm_bytes <= ROOM
    assert sum(c.count * dict(c.shape)["m"] for c in recipe.calls) == rows


def test_fill_doubles_a_double_word():
    recipe = moves.fill(4096)
    assert sum(dict(c.shape)["n"] * c.count for c in recipe.calls) == 1024 - 2
    assert {c.kernel for c in recipe.calls} <= set(abi.KERNELS)
