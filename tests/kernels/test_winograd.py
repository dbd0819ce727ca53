"""Winograd against the definition of a convolution in big integers; range proofs, refusals, routes that agree."""

from fractions import Fraction

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.image.store import variants
from spinntensor.kernels import kernel
from spinntensor.kernels import winograd_tile as tiles
from spinntensor.kernels.winograd_pack import F2X2, F2X4, bounds
from spinntensor.machine.call import run
from spinntensor.machine.tile import run_tile

WEIGHT = "winograd_weight_s8_2x2"
KINDS = (F2X2, F2X4)
A2 = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], object)
B2 = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], object)
HALF, SIXTH = Fraction(1, 2), Fraction(1, 6)
G2 = np.array([[1, 0, 0], [HALF, HALF, HALF], [HALF, -HALF, HALF], [0, 0, 1]], object)
A4 = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], object)
B4 = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    object,
)
G4 = np.array(
    [
        [SIXTH * 3 / 2, 0, 0],
        [-SIXTH, -SIXTH, -SIXTH],
        [-SIXTH, SIXTH, -SIXTH],
        [SIXTH / 4, SIXTH / 2, SIXTH],
        [SIXTH / 4, -SIXTH / 2, SIXTH],
        [0, 0, 1],
    ],
    object,
)
"""Lavin and Gray, arXiv:1509.09308, sections 4.1 and 4.3: here with their fractions."""


def right(winograd):
    """A^T, B^T and G of the columns."""
    return (A2, B2, G2) if winograd is F2X2 else (A4, B4, G4)


def signed_flat(winograd, v):
    """V of one patch as the kernels store it: order of the positions, negated signs."""
    signs = np.array([1, 1, -1, -1])
    return (v * signs).reshape(-1) if winograd is F2X2 else (v * signs[:, None]).T.reshape(-1)


def product(winograd):
    return f"winograd_product_s16_{winograd.name}_u32"


@pytest.fixture(scope="module")
def core():
    return Core(strict=True)


def on_core(name, operands, core):
    """The result of every variant, which must agree with each other and with the twin."""
    expected = kernel(name).twin(operands)
    for variant in variants(name):
        got = run(kernel(name), operands, variant, core).result
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected, err_msg=variant)
    return expected


def convolution(x, w):
    """Valid 3x3 convolution [H-2, W-2, M] in Python's integers."""
    x, w = x.astype(object), w.astype(object)
    out = np.zeros((x.shape[0] - 2, x.shape[1] - 2, w.shape[0]), object)
    for a in range(3):
        for b in range(3):
            out += x[a : a + out.shape[0], b : b + out.shape[1]] @ w[:, :, a, b].T
    return out


def quantized(acc, operands):
    """The requantised output, by Python's rounding of fractions."""
    m, info = operands["m"], np.iinfo(operands.get("dtype", np.uint8))
    bias, p = (operands[k] if operands.get(k) is not None else np.zeros_like(m) for k in ("bias", "p"))
    factor = [Fraction(int(a) << int(b), 1 << 32) for a, b in zip(m, p, strict=True)]
    q = np.array(
        [
            [[round((a + int(b)) * f) for a, b, f in zip(px, bias, factor, strict=True)] for px in line]
            for line in acc
        ],
        object,
    )
    return np.clip(q + operands.get("zp", 0), operands.get("low", info.min), operands.get("high", info.max))


def layer(rng, h, w, c, m, kind=np.uint8, **more):
    info = np.iinfo(kind)
    return {
        "x": rng.integers(info.min, info.max, (h, w, c), kind, endpoint=True),
        "w": rng.integers(-128, 127, (m, c, 3, 3), np.int8, endpoint=True),
        "bias": rng.integers(-(1 << 12), 1 << 12, m, np.int32),
        "m": rng.integers(1 << 19, 1 << 22, m, np.int32),
        **more,
    }


@pytest.mark.parametrize("winograd", KINDS)
def test_the_paper_gives_the_transforms(winograd, rng):
    width = winograd.width
    a_t, b_t, g_m = right(winograd)
    d = rng.integers(-128, 256, (4, width + 2)).astype(object)
    g = rng.integers(-128, 128, (3, 3)).astype(object)
    u, v = G2 @ g @ g_m.T, B2 @ d @ b_t.T
    expected = np.array([[(d[i : i + 3, j : j + 3] * g).sum() for j in range(width)] for i in range(2)])
    assert (A2 @ (u * v) @ a_t.T == expected).all()
    ours = winograd.weights(g.astype(np.int8)[None, None])[:, 0, 0]
    assert (ours == winograd.grown * (u if winograd is F2X2 else u.T).reshape(-1)).all()
    assert (winograd.input(d.astype(np.int32)[..., None])[:, 0, 0] == signed_flat(winograd, v)).all()


@pytest.mark.parametrize("winograd", KINDS)
def test_transforms_fit_16_bits(winograd):
    """Largest |U| and |V| from the matrices alone: rows of absolute (U) and of one-signed (V) coefficients."""
    _, b_t, g_m = right(winograd)
    u = max(abs(r).sum() * abs(c).sum() for r in G2 for c in g_m) * winograd.grown * 128
    outer = [np.outer(r, c) for r in B2 for c in b_t]
    v = max(max(o.clip(min=0).sum(), -o.clip(max=0).sum()) for o in outer) * 255
    assert (u, v) == ((1152, 1020) if winograd is F2X2 else (9216, 4080))


@pytest.mark.parametrize("winograd", KINDS)
@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("channels", [1, 2, 5, 8])
def test_input_transform(winograd, kind, channels, rng, core):
    width = winograd.width
    size = (8, 2 * width + 2, channels)
    x = rng.choice(np.array([np.iinfo(kind).min, np.iinfo(kind).max, 1], kind), size)
    name = f"winograd_input_{'s8' if kind is np.int8 else 'u8'}_{winograd.name}"
    v = on_core(name, {"x": x}, core)
    for t in range(6):
        top, left = t // 2 * 2, t % 2 * width
        for c in range(channels):
            d = x[top : top + 4, left : left + width + 2, c].astype(object)
            assert (v[:, t, c] == signed_flat(winograd, B2 @ d @ right(winograd)[1].T)).all()


@pytest.mark.parametrize("c", [1, 63, 64, 65, 130])
def test_weights_transformed_on_the_core_are_those_packed_offline(c, rng, core):
    w = rng.choice(np.array([-128, -1, 127], np.int8), (4, c, 3, 3))
    on_core(WEIGHT, {"w": w}, core)


@pytest.mark.parametrize("winograd", KINDS)
@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("size", [(3, 3), (4, 9), (7, 6)])
def test_product_is_the_convolution(winograd, kind, dtype, size, rng, core):
    operands = layer(rng, *size, 9, 5, kind, dtype=dtype, zp=int(rng.integers(0, 100)))
    y = on_core(product(winograd), operands, core)
    np.testing.assert_array_equal(y, quantized(convolution(operands["x"], operands["w"]), operands))


@pytest.mark.parametrize("winograd", KINDS)
@pytest.mark.parametrize("c", [64, 96])
@pytest.mark.parametrize("pixel, weight", [(255, -128), (255, 127), (0, -128)])
def test_largest_sums(winograd, c, pixel, weight, rng, core):
    operands = layer(rng, 4, 4, c, 3, zp=200)
    operands["x"][:], operands["w"][:] = pixel, weight
    operands["w"][1, ::2] = 127
    y = on_core(product(winograd), operands, core)
    np.testing.assert_array_equal(y, quantized(convolution(operands["x"], operands["w"]), operands))


@pytest.mark.parametrize("winograd", KINDS)
@pytest.mark.parametrize("zp", [0, 3, 128])
@pytest.mark.parametrize("low", [0, 3])
def test_ties_go_to_even(winograd, zp, low, core):
    x = np.zeros((4, 12, 1), np.uint8)
    x[1, :, 0] = np.arange(12) + 250 - 2 * zp
    w = np.zeros((2, 1, 3, 3), np.int8)
    w[0, 0, 1, 1], w[1, 0, 1, 1] = 1, -1
    m, p = np.full(2, 1 << 30, np.int32), np.array([0, 1], np.int32)  # a quarter and a half
    operands = {"x": x, "w": w, "m": m, "p": p, "zp": zp, "low": low}
    y = on_core(product(winograd), operands, core)
    np.testing.assert_array_equal(y, quantized(convolution(x, w), operands))


@pytest.mark.parametrize("winograd, c", [(F2X2, 1827), (F2X4, 456)])
def test_sums_modulo_two_to_32_are_enough(winograd, c, rng):
    """Products and running sums may wrap; what the output transform leaves, less its odd factor, must fit."""
    a_t, width = right(winograd)[0], winograd.width
    x = rng.choice(np.array([0, 255], np.uint8), (4, width + 2, c))
    w = rng.choice(np.array([-128, 127], np.int8), (1, c, 3, 3))
    if winograd is F2X4:  # so that 48 times the sum does not fit
        x[:], w[:] = 255, -128
    v, u = winograd.input(x)[:, 0].astype(np.int64), winograd.weights(w)[:, 0].astype(np.int64)
    m = (u * v).sum(1) % 2**32
    m = m.reshape(4, 4) if winograd is F2X2 else m.reshape(6, 4).T
    m = m * ([1, 1, -1, -1] if winograd is F2X2 else np.array([1, 1, -1, -1])[:, None])
    y = (A2 @ m @ a_t.T) * pow(winograd.odd, -1, 2**32) % 2**32
    y = np.where(y >= 2**31, y - 2**32, y)
    assert (y == winograd.grown // winograd.odd * convolution(x, w)[..., 0]).all()


@pytest.mark.parametrize("winograd, most, signed", [(F2X2, 1827, 3640), (F2X4, 456, 910)])
def test_range_proof(winograd, most, signed, rng):
    """4 or 16 times 9 * C * 128 * 255 must stay below 2**31 for the worst weights; small ones may be many."""
    k = kernel(product(winograd))
    operands = layer(rng, 4, 4, most + 1, 1)
    operands["w"][:] = -128
    with pytest.raises(RangeError) as caught:
        k.lower(operands)
    factor = winograd.grown // winograd.odd
    assert caught.value.bound == factor * 9 * (most + 1) * 128 * 255 and "split the input channels" in str(
        caught.value
    )
    operands["w"][:] = 1
    k.lower(operands)
    for c, kind in ((most, np.uint8), (signed, np.int8)):
        operands = layer(rng, 4, 4, c, 1, kind)
        operands["w"][:] = -128
        k.lower(operands)


def test_bounds_are_reached(rng):
    w = rng.integers(-128, 127, (4, 3, 3, 3), np.int8, endpoint=True)
    for m, bound in enumerate(bounds(w, 0, 255)):
        x = np.where(w[m] > 0, 255, 0).transpose(1, 2, 0)
        top, bottom = (convolution(image, w[m : m + 1]).item() for image in (x, 255 - x))
        assert bound == max(top, -bottom)


def refused(name, operands, words):
    with pytest.raises(OperandError, match=words):
        kernel(name).lower(operands)


def test_refusals(rng):
    good = layer(rng, 6, 6, 4, 2)
    refused("winograd_input_u8_2x2", {"x": good["x"][:5]}, "multiple of 2 rows")
    refused("winograd_input_u8_2x4", {"x": good["x"][:, :4]}, "of 4 columns")
    refused("winograd_input_s8_2x2", {"x": good["x"]}, "received uint8, expected int8")
    refused(product(F2X2), {**good, "x": good["x"][:2]}, "at least 3x3 pixels")
    refused(product(F2X2), {**good, "w": good["w"][:, :3]}, "size 4 on axis 1")
    refused(product(F2X2), {**good, "m": good["m"] * 0}, "an integer from 1")
    refused(product(F2X2), {**good, "dtype": np.int16}, "uint8 or int8")
    refused(product(F2X2), {**good, "low": 4, "high": 3}, "'high'")
    refused(WEIGHT, {"w": good["w"].astype(np.int16)}, "received int16, expected int8")
    with pytest.raises(OperandError, match="a multiple of 3"):
        tiles.WinogradTile(1, 1, 4, 2, group=4)
    with pytest.raises(OperandError, match="transform the weights offline"):
        tiles.WinogradTile(1, 1, 4, 2, on_core=1, width=4)
    with pytest.raises(OperandError, match="size 10 on axis 0"):
        tiles.build(tiles.WinogradTile(4, 2, 4, 2), good | {"zero": 0})


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("extreme", [False, True])
def test_tile_cuts_and_weight_routes_agree(width, signed, extreme, rng, core):
    shape = {"rows": 2, "columns": 3, "c": 21, "m": 13, "width": width}
    operands = tiles.sample(rng, shape, extreme, signed)
    acc = convolution(operands["x"].astype(np.int16) - operands["zero"], operands["w"])
    expected = quantized(acc, operands)
    np.testing.assert_array_equal(tiles.twin(operands), expected)
    cuts = [{"group": 3}, {"group": 6}, {"group": 15}, {"chunk": 8}]
    if width == 2:
        cuts += [{"group": 6, "on_core": 1}, {"chunk": 5, "on_core": 1}]
    for cut in cuts:
        ran = run_tile(core, tiles.build(tiles.WinogradTile(**shape, **cut), operands))
        np.testing.assert_array_equal(ran.stored["y"], expected, err_msg=str(cut))


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("signed", [False, True])
def test_im2col_route_gives_the_same_bits(width, signed, rng, core):
    shape = {"rows": 2, "columns": 3, "c": 20, "m": 7, "width": width}
    operands = tiles.sample(rng, shape, False, signed)
    winograd = run_tile(core, tiles.build(tiles.WinogradTile(**shape), operands)).stored["y"]
    x, w = operands["x"].astype(np.int16) - operands["zero"], operands["w"].astype(np.int16)
    patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (0, 1)).reshape(8 * width * 3 // 2, -1)
    c = run(
        kernel("gemm_s16_3x3_outer_u32"), {"a": w.reshape(7, -1), "b": patches.T.copy()}, core=core
    ).result
    keys = ("bias", "m", "p", "zp")
    epilogue = kernel(f"requantize_s32_{'s8' if signed else 'u8'}_x16")
    im2col = run(epilogue, {"c": c} | {k: operands[k] for k in keys}, core=core).result
    np.testing.assert_array_equal(winograd, im2col.T.reshape(winograd.shape))


@pytest.mark.parametrize("width, goal", [(2, 1.45), (4, 1.84)])
def test_goal_of_the_tile(width, goal, rng):
    """C = M = 64, weights transformed offline, everything counted but the transfers."""
    shape = next(s for s in tiles.bench if s["width"] == width and s["c"] == s["m"] == 64)
    tile, operands = tiles.WinogradTile(**shape), tiles.sample(rng, shape, False)
    ran = run_tile(Core(), tiles.build(tile, operands))
    np.testing.assert_array_equal(ran.stored["y"], tiles.twin(operands, tile.winograd))
    assert tiles.work(shape).macs / ran.counters.cycles > goal
