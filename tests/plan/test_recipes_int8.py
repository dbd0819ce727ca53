"""Recipes of int8 convolutions against the tiles that the real builders make, and against the emulated core."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError
from spinntensor.kernels import conv2d_tile, kernel, residual_tile, strassen_conv, winograd_tile
from spinntensor.kernels.conv2d_tile import Conv2d
from spinntensor.kernels.pack_outer import pairs_of
from spinntensor.kernels.strassen_conv import StrassenConv
from spinntensor.kernels.tile import Fetch, Step, Store
from spinntensor.kernels.winograd_tile import WinogradTile
from spinntensor.machine.tile import run_tile
from spinntensor.plan.recipes.conv import Use, conv
from spinntensor.plan.recipes.search import ROOM, ConvBox, best, cycles, loaded
from spinntensor.plan.recipes.strassen import strassen
from spinntensor.plan.recipes.winograd import proved, winograd

GEMM, IM2COL, UNPACK = "gemm_s16_3x3_outer_u32", "im2col_u8_outer_u8", "unpack_s8_outer_u32"


def sizes_of_step(step):
    """What a step's words say of its sizes, in terms that `sizes_of_call` has too."""
    w = step.words
    if step.kernel == IM2COL:
        halves = [(w[k] & 0xFFFF, w[k] >> 16) for k in ("tile", "out", "corner")]
        signs = [-(c - (c >> 15 << 16)) for c in halves[2]]
        taps = [w["kernel"] >> s & 0xFF for s in (0, 8, 16, 24)]
        more = int(w["pixel_stride"] > w["channels"])
        return (*halves[0], *halves[1], *signs, *taps, w["channels"], more, w["flip"] > 0)
    if step.kernel == GEMM:
        return w["m"], w["n"], w["pairs"], w["accumulate"]
    if step.kernel == UNPACK:
        return w["panels"], w["pairs"]
    if step.kernel.startswith("winograd_input"):
        return w["tiles"], w["pairs"]
    if step.kernel.startswith("winograd_product"):
        return w["m"], w["tiles"], w["pairs"], w.get("accumulate", 0)
    return tuple(w[k] for k in ("m", "n", "channels", "words", "count") if k in w)


def sizes_of_call(call):
    s = dict(call.shape)
    if call.kernel == IM2COL:
        full = {"sy": 1, "sx": 1, "top": 0, "left": 0, "more": 0, **s}
        names = ("height", "width", "oh", "ow", "top", "left", "kh", "kw", "sy", "sx", "c", "more")
        return (*(full[k] for k in names), full["signed"] > 0)
    if call.kernel == GEMM:
        return s["m"], s["n"], pairs_of(s["k"]), s["accumulate"]
    if call.kernel == UNPACK:
        return -(-s["m"] // 3), pairs_of(s["k"])
    if call.kernel.startswith("winograd_input"):
        return s["rows"] * s["columns"], pairs_of(s["c"])
    if call.kernel.startswith("winograd_product"):
        return s["m"], s["rows"] * s["columns"], pairs_of(s["c"]), s.get("accumulate", 0)
    if call.kernel == "strassen_sums_u8_x4":
        return (-(-s["n2"] // 3) * 3 * pairs_of(s["k2"]) + 1,)
    if call.kernel.startswith("winograd_weight"):
        return s["m"], s["c"]
    return tuple(s[k] for k in ("m", "n") if k in s)


def agrees(recipe, tile):
    """Regions byte for byte, calls with their sizes, bytes and pieces of x, weights and y."""
    assert {r.name: r.nbytes for r in recipe.regions} == dict(tile.regions)
    steps = Counter((s.kernel, sizes_of_step(s)) for s in tile.actions if isinstance(s, Step))
    calls = Counter()
    for call in recipe.calls:
        calls[call.kernel, sizes_of_call(call)] += call.count
    assert calls == steps

    def moved(kind, *prefixes):
        found = [a for a in tile.actions if isinstance(a, kind) and a.label.split()[0] in prefixes]
        return sum(-(-a.nbytes // 8) * 8 for a in found), len(found)

    inputs, weights, constants = recipe.loads[:3]
    assert moved(Store, "y") == (recipe.stores[0].nbytes, recipe.stores[0].pieces)
    assert moved(Fetch, "x") == (inputs.nbytes, inputs.pieces)
    assert inputs.operand in ("x", "x stream") and weights.operand in ("w", "stream")
    assert moved(Fetch, "rows") == (constants.nbytes, constants.pieces)
    assert moved(Fetch, "w", "u") == (weights.nbytes, weights.pieces)
    assert recipe.packed == weights.nbytes


@st.composite
def convolutions(draw):
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    out = draw(st.tuples(st.integers(1, 5), st.integers(1, 6)))
    blocks = draw(st.sampled_from([(0, 0), (8, 8), (8, 0), (0, 8)]))
    channels = 8 * draw(st.integers(1, 4)) if blocks[0] else draw(st.integers(1, 20))
    out_channels = 8 * draw(st.integers(1, 4)) if blocks[1] else draw(st.integers(1, 20))
    corner = draw(st.tuples(st.integers(1 - kernel[0], 0), st.integers(1 - kernel[1], 0)))
    lack = draw(st.integers(0, 1))
    tile = tuple(
        max(1, (o - 1) * s + k + c - lack) for o, s, k, c in zip(out, stride, kernel, corner, strict=True)
    )
    if draw(st.booleans()) and blocks[0]:
        kernel, corner, stride = (1, 1), (0, 0), (1, stride[1])
        tile = (out[0], out[1] * stride[1])
    flat = kernel == (1, 1) and stride[0] == 1 and corner == (0, 0) and tile == (out[0], out[1] * stride[1])
    steps = [4, 8] + ([16, 24] if flat else []) if blocks[0] else [*range(1, channels + 1)]
    chunk = (draw(st.integers(1, kernel[0])), draw(st.integers(1, kernel[1])), draw(st.sampled_from(steps)))
    pitch = tuple(
        0 if b else c + draw(st.sampled_from([0, 0, 3]))
        for b, c in zip(blocks, (channels, out_channels), strict=True)
    )
    switches = draw(st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()))
    geometry = Conv2d(
        tile, channels, out_channels, kernel, stride, corner, out, chunk, draw(st.integers(1, 8)), switches[0],
        pitch, blocks, switches[1], switches[2], draw(st.tuples(st.booleans(), st.booleans())),
        switches[3] and blocks[0] > 0,
    )  # fmt: skip
    return geometry


def outputs(stored, expected):
    """What a tile stored, in the shape of its twin's result."""
    return np.concatenate([part.reshape(-1) for part in stored.values()]).reshape(expected.shape)


@given(convolutions(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_convolutions_recipe_is_its_tile(geometry, signed):
    operands = conv2d_tile.sample(geometry, np.random.default_rng(1), signed)
    agrees(conv(geometry, Use((signed, signed))), conv2d_tile.tile(geometry, operands))


@given(convolutions(), st.booleans())
@settings(max_examples=15, deadline=None)
def test_it_computes_what_it_should_in_the_cycles_it_says(geometry, signed):
    operands = conv2d_tile.sample(geometry, np.random.default_rng(2), signed)
    tile, expected = conv2d_tile.tile(geometry, operands), conv2d_tile.twin(geometry, operands)
    done = run_tile(Core(strict=True), tile)
    np.testing.assert_array_equal(outputs(done.stored, expected), expected)
    recipe = conv(geometry, Use((signed, signed)))
    assert sum(c.cycles for c in recipe.calls) == pytest.approx(done.counters.cycles, rel=0.02)


@st.composite
def winograds(draw):
    blocked = draw(st.booleans())
    width = draw(st.sampled_from([2, 4]))
    c, m = (8 * draw(st.integers(1, 3)) if blocked else draw(st.integers(1, 9)) for _ in range(2))
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    chunk = draw(st.sampled_from([4, 8])) if blocked else draw(st.sampled_from([0, 4]))
    on_core = int(draw(st.booleans()) and width == 2)
    out = (
        (2 * rows - draw(st.integers(0, 1)), width * columns - draw(st.integers(0, 1))) if blocked else (0, 0)
    )
    border = draw(st.tuples(*[st.integers(0, 1)] * 4)) if blocked else (0, 0, 0, 0)
    return WinogradTile(
        rows, columns, c, m, 3 * draw(st.integers(1, 3)), chunk, on_core, width, (8, 8) if blocked else (0, 0),
        border, out, (draw(st.booleans()), draw(st.booleans())) if blocked else (False, False),
        draw(st.booleans()) and blocked, draw(st.booleans()),
    )  # fmt: skip


def winograd_operands(tile, signed):
    names = ("rows", "columns", "c", "m", "group", "chunk", "on_core", "width")
    shape = {n: getattr(tile, n) for n in names}
    operands = winograd_tile.sample(np.random.default_rng(4), shape, False, signed)
    top, left, bottom, right = tile.border
    x = np.full_like(operands["x"], operands["zero"])
    inside = slice(top, x.shape[0] - bottom), slice(left, x.shape[1] - right)
    x[inside] = operands["x"][inside]
    return {**operands, "x": x}


@given(winograds(), st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_winograd_recipe_is_its_tile(tile, signed):
    agrees(winograd(tile, Use((signed, signed))), winograd_tile.build(tile, winograd_operands(tile, signed)))


@given(winograds(), st.booleans())
@settings(max_examples=12, deadline=None)
def test_winograd_computes_what_it_should_in_the_cycles_it_says(tile, signed):
    operands = winograd_operands(tile, signed)
    done = run_tile(Core(strict=True), winograd_tile.build(tile, operands))
    expected = winograd_tile.twin(operands, tile.winograd)[: tile.stored[0], : tile.stored[1]]
    if tile.blocks[1]:
        expected = np.stack(np.split(expected, tile.m // tile.blocks[1], axis=-1))
    np.testing.assert_array_equal(outputs(done.stored, expected), expected)
    recipe = winograd(tile, Use((signed, signed)))
    assert sum(c.cycles for c in recipe.calls) == pytest.approx(done.counters.cycles, rel=0.02)


@st.composite
def strassens(draw):
    blocks = draw(st.sampled_from([(0, 0), (8, 8), (16, 8), (8, 0)]))
    channels = draw(st.sampled_from([16, 32, 48])) if blocks[0] != 16 else draw(st.sampled_from([16, 32, 64]))
    out_channels = 8 * draw(st.integers(1, 4)) if blocks[1] else 2 * draw(st.integers(1, 12))
    out, step = (draw(st.integers(1, 3)), 2 * draw(st.integers(1, 4))), draw(st.integers(1, 2))
    geometry = Conv2d(
        (out[0], out[1] * step), channels, out_channels, (1, 1), (1, step), (0, 0), out, (1, 1, blocks[0] or channels),
        blocks=blocks, by_rows=draw(st.tuples(st.booleans(), st.booleans())),
    )  # fmt: skip
    half, block = channels // 2, blocks[0] or channels
    assume(half % block == 0 or block % half == 0)
    return StrassenConv(geometry, draw(st.integers(1, 4)))


@given(strassens(), st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_strassen_step_gives_the_convolutions_bytes_in_the_cycles_it_says(tile, signed):
    operands = conv2d_tile.sample(tile.conv, np.random.default_rng(8), signed)
    made, recipe = strassen_conv.tile(tile, operands), strassen(tile, Use((signed, signed)))
    agrees(recipe, made)
    done, expected = run_tile(Core(strict=True), made), conv2d_tile.twin(tile.conv, operands)
    np.testing.assert_array_equal(outputs(done.stored, expected), expected)
    assert sum(c.cycles for c in recipe.calls) == pytest.approx(done.counters.cycles, rel=0.02)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"out": (1, 3), "tile": (1, 3)}, "even numbers"),
        ({"kernel": (1, 3), "out": (1, 2), "chunk": (1, 3, 16)}, "1x1"),
    ],
)
def test_strassen_refuses(changes, words):
    good = Conv2d((1, 4), 16, 8, (1, 1), (1, 1), (0, 0), (1, 4), (1, 1, 16))
    with pytest.raises(OperandError, match=words):
        StrassenConv(replace(good, **changes))


@pytest.mark.parametrize("signed", (False, True))
def test_a_second_operand_is_added_in_the_same_tile(signed):
    rng = np.random.default_rng(5)
    geometry = Conv2d(
        (4, 6), 16, 16, (1, 1), (1, 1), (0, 0), (4, 6), (1, 1, 16), 2, blocks=(8, 8), apart=True
    )
    operands = conv2d_tile.sample(geometry, rng, signed)
    y = conv2d_tile.twin(geometry, operands)
    other = rng.integers(-128 if signed else 0, 128 if signed else 256, y.size, y.dtype)
    scales = {"b": other, "za": 3, "zb": 5, "ma": 600_001, "mb": 500_003, "zp": 7}
    tile = residual_tile.tile(conv2d_tile.tile(geometry, operands), scales)
    done = run_tile(Core(strict=True), tile)
    expected = kernel(f"residual_add_{'s8' if signed else 'u8'}_x16").twin({**scales, "a": y.reshape(-1)})
    np.testing.assert_array_equal(outputs(done.stored, expected), expected)
    recipe = conv(geometry, Use((signed, signed), residual=True))
    assert {r.name: r.nbytes for r in recipe.regions} == dict(tile.regions)
    assert sum(c.cycles for c in recipe.calls) == pytest.approx(done.counters.cycles, rel=0.02)


@given(
    st.tuples(st.integers(1, 8), st.integers(1, 28)),
    st.sampled_from([(3, 0), (16, 16), (64, 64), (256, 64)]),
    st.sampled_from([16, 64, 128]),
    st.sampled_from([(1, 1), (3, 3)]),
    st.integers(1, 2),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_the_best_recipes_fit_and_none_beats_another(out, inputs, m, kernel, stride, same_w, late):
    pad = kernel[0] // 2
    border = (0, pad, 0, pad if stride == 1 else 0)
    box = ConvBox(out, inputs[0], m, kernel, (stride, stride), border, (inputs[1], min(m, 64)))
    use = Use(same_w=same_w, late=late)
    found = best(box, ROOM, use)
    costs = [(cycles(r), loaded(r, use)) for r in found]
    assert all(r.dtcm_bytes <= ROOM for r in found)
    assert all(a[0] <= b[0] and a[1] > b[1] for a, b in pairwise(costs))
    assert all(r.macs == out[0] * out[1] * kernel[0] * kernel[1] * inputs[0] * m for r in found)


def test_the_found_recipe_of_a_layer_runs_as_predicted():
    """A 1x1 convolution in blocks, with the cut that the search finds for it."""
    box = ConvBox((1, 14), 128, 64, (1, 1), blocks=(64, 64))
    recipe = best(box, ROOM, Use(late=True))[0]
    detail = dict(recipe.detail)
    cut = {k: detail[k] for k in ("chunk", "group", "resident", "expanded", "apart", "arriving")}
    geometry = Conv2d((1, 14), 128, 64, (1, 1), (1, 1), (0, 0), (1, 14), blocks=(64, 64), **cut)
    operands = conv2d_tile.sample(geometry, np.random.default_rng(6))
    done = run_tile(Core(strict=True), conv2d_tile.tile(geometry, operands))
    assert sum(c.cycles for c in recipe.calls) == pytest.approx(done.counters.cycles, rel=0.02)


def test_winograd_needs_its_range_proved():
    assert proved(2, 1827) and not proved(2, 1829) and proved(4, 456) and not proved(4, 458)
    box = ConvBox((2, 8), 64, 64, (3, 3), border=(1, 1, 1, 1), blocks=(64, 64))
    use = Use(late=True)
    assert "winograd 2x4" in best(box, ROOM, use)[0].kernel
    assert all("im2col" in r.kernel for r in best(box, ROOM, use, ()))


def test_x_cannot_stay_where_y_takes_its_place():
    geometry = Conv2d((2, 2), 8, 8, (1, 1), (1, 1), (0, 0), (2, 2), (1, 1, 4), 3)
    with pytest.raises(ValueError, match="apart=True"):
        conv(geometry, Use(same_x=True))
