"""Convolution kernels against their definition in plain Python, and the ways to cut one convolution."""

from fractions import Fraction

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import DTCMError, OperandError, RangeError
from spinntensor.kernels import conv2d_tile, depthwise, depthwise_wide, kernel
from spinntensor.kernels.conv2d_tile import Conv2d
from spinntensor.kernels.depthwise_route import SHIFT, Format, fast
from spinntensor.kernels.pack_outer import pack_b
from spinntensor.kernels.quantize import multiplier
from spinntensor.machine.call import run
from spinntensor.machine.tile import run_tile

IM2COL = kernel("im2col_u8_outer_u8")
DEPTHWISE = {s: kernel(f"depthwise_3x3_s16_u8_s{s}") for s in (1, 2)}
WIDE = {s: kernel(f"depthwise_3x3_s16_u8_s{s}_wide") for s in (1, 2)}


@pytest.fixture(scope="module")
def core():
    return Core(strict=True)


def columns(x, zero, kernel_size, stride, corner, out):
    """B [K,N] of x [H,W,C], element by element."""
    b = np.zeros((kernel_size[0] * kernel_size[1] * x.shape[2], out[0] * out[1]), np.int16)
    for k, n in np.ndindex(b.shape):
        tap, c = divmod(k, x.shape[2])
        y = n // out[1] * stride[0] + corner[0] + tap // kernel_size[1]
        z = n % out[1] * stride[1] + corner[1] + tap % kernel_size[1]
        b[k, n] = x[y, z, c] if 0 <= y < x.shape[0] and 0 <= z < x.shape[1] else zero
    return b


def rounded(total, scale, zp, low, high):
    """clamp(zp + total * scale), half to even, by rational numbers."""
    return min(max(zp + round(total * scale), low), high)


@pytest.mark.parametrize("channels", (3, 4, 8))
@pytest.mark.parametrize("dtype", (np.uint8, np.int8))
@pytest.mark.parametrize(
    "geometry", (((3, 3), (1, 1), (-1, -1)), ((2, 3), (2, 1), (0, -2)), ((1, 1), (2, 2), (0, 0)))
)
def test_panels_hold_the_product_s_columns(core, rng, channels, dtype, geometry):
    limits = np.iinfo(dtype)
    x = rng.integers(limits.min, limits.max, (5, 6, channels), dtype, endpoint=True)
    x[0, 0], x[-1, -1] = limits.min, limits.max
    size, stride, corner = geometry
    operands = {"x": x, "zero": -1 % 128, "kernel": size, "stride": stride, "corner": corner, "out": (3, 3)}
    offset = 128 if dtype is np.int8 else 0
    b = columns(x.astype(np.int16) + offset, operands["zero"] + offset, size, stride, corner, (3, 3))
    np.testing.assert_array_equal(run(IM2COL, operands, core=core).result, pack_b(b))


def test_a_missing_pixel_repeats_the_last(core, rng):
    x = rng.integers(0, 256, (1, 2, 4), np.uint8)
    operands = {"x": x, "zero": 0, "kernel": (1, 1), "stride": (1, 1), "out": (1, 2)}
    expected = pack_b(x.reshape(2, 4)[[0, 1, 1]].T.astype(np.int16))
    np.testing.assert_array_equal(run(IM2COL, operands, core=core).result, expected)


def test_planar_input_and_slices_give_the_same_panels(core, rng):
    x = rng.integers(0, 256, (4, 5, 8), np.uint8)
    whole = {"x": x, "zero": 9, "kernel": (3, 3), "stride": (1, 1), "corner": (-1, 0), "out": (4, 3)}
    planar = whole | {"x": np.ascontiguousarray(x.transpose(2, 0, 1)), "planar": True}
    np.testing.assert_array_equal(*(run(IM2COL, o, core=core).result for o in (whole, planar)))
    part = whole | {"channels": (4, 4), "kernel": (1, 3), "corner": (1, 0)}
    cut = whole | {"x": np.ascontiguousarray(x[:, :, 4:]), "kernel": (1, 3), "corner": (1, 0)}
    np.testing.assert_array_equal(*(run(IM2COL, o, core=core).result for o in (part, cut)))


@pytest.mark.parametrize("stride", (1, 2))
@pytest.mark.parametrize("dtype", (np.uint8, np.int8, np.int16))
@pytest.mark.parametrize("extreme", (False, True))
def test_depthwise_by_rational_numbers(core, rng, stride, dtype, extreme):
    low, high = (-2000, 2000) if dtype is np.int16 else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    x = rng.integers(low, high, (2, 8, 9), dtype, endpoint=True)
    w = rng.integers(-128, 127, (2, 3, 3), np.int8, endpoint=True)
    if extreme:
        x, w = rng.choice(np.array([low, high], dtype), x.shape), np.full(w.shape, -128, np.int8)
    bias = np.array([-70_000, 12_345], np.int32)
    m, p = np.array([depthwise.multiplier(s) for s in (0.00317, 0.0201)], np.int32).T.copy()
    operands = {"x": x, "w": w, "bias": bias, "m": m, "p": p, "zp": 17}
    got = run(DEPTHWISE[stride], operands, core=core).result
    for c, i, j in np.ndindex(got.shape):
        window = x[c, i * stride : i * stride + 3, j * stride : j * stride + 3].astype(int)
        total = int((window * w[c]).sum()) + int(bias[c])
        assert got[c, i, j] == rounded(total, Fraction(int(m[c]), 1 << 32), 17, 0, 255)


@pytest.mark.parametrize("scale", (2.0**-14, 0.0007, 2.0**-10, 0.003, 2.0**-8, 0.05, 0.3, 0.4999))
def test_depthwise_multiplier_is_close_odd_and_short(scale):
    m, p = depthwise.multiplier(scale)
    m15, shift = depthwise.split(m, p, 0, "depthwise")
    assert m15 % 2 == 1 and m15 << shift + 8 == m
    assert abs(m * 2.0 ** (p - 32) / scale - 1) <= max(2.0**-14, 2.0**-24 / scale)


def operands_of(k, **changes):
    return k.sample(np.random.default_rng(1), {"c": 1, "oh": 2, "ow": 2}, False) | changes


@pytest.mark.parametrize(
    "changes, error, words",
    [
        (
            {"m": np.array([1 << 22], np.int32)},
            RangeError,
            "exactly one half.* use depthwise_3x3_s16_u8_s1_wide",
        ),
        (
            {"m": np.array([12_345_677], np.int32)},
            RangeError,
            "at most 15 bits.* use depthwise_3x3_s16_u8_s1_wide",
        ),
        (
            {"x": np.full((1, 4, 4), 32767, np.int16), "w": np.full((1, 3, 3), 127, np.int8)},
            RangeError,
            "narrower",
        ),
        ({"x": np.zeros((1, 2, 4), np.uint8)}, OperandError, "planes of 3x3"),
        ({"x": np.zeros((1, 4, 4), np.float32)}, OperandError, "uint8"),
        ({"zp": 256}, OperandError, "from 0 to 255"),
    ],
)
def test_depthwise_refuses(changes, error, words):
    if words == "narrower":
        changes |= {"m": np.array([32767 << 16], np.int32), "bias": np.zeros(1, np.int32)}
    with pytest.raises(error, match=words):
        DEPTHWISE[1].lower(operands_of(DEPTHWISE[1], **changes))


WIDE_M = {
    "odd": (1_234_567, 7_654_321),
    "ties": (1 << 22, 3 << 20),
    "one of each": (1 << 21, 5_000_001),
    "large": ((1 << 31) - 1, 1 << 30),
    "tiny": (1, 77),
}


def by_windows(o, stride, low, high, dtype):
    """The depthwise definition, one output at a time, in Python's integers and fractions."""
    x, w = o["x"].astype(int), o["w"].astype(int)
    y = np.zeros((len(x), *((s - 3) // stride + 1 for s in x.shape[1:])), dtype)
    for c, i, j in np.ndindex(y.shape):
        total = int((x[c, i * stride : i * stride + 3, j * stride : j * stride + 3] * w[c]).sum())
        scale = Fraction(int(o["m"][c]) << int(o["p"][c]), 1 << 32)
        y[c, i, j] = rounded(total + int(o["bias"][c]), scale, o["zp"], low, high)
    return y


@pytest.mark.parametrize("stride", (1, 2))
@pytest.mark.parametrize("m", WIDE_M.values(), ids=WIDE_M)
@pytest.mark.parametrize(
    "out, zp, low, high",
    ((np.uint8, 3, 0, 255), (np.int8, -128, -128, 127), (np.int8, 9, -5, 77), (np.uint8, 0, 9, 30)),
)
def test_wide_depthwise_by_rational_numbers(core, rng, stride, m, out, zp, low, high):
    x = rng.integers(0, 256, (2, 6, 9), np.uint8)
    w = rng.integers(-128, 127, (2, 3, 3), np.int8, endpoint=True)
    x[0], w[0] = x[0] >> 6 << 6, w[0] >> 2 << 2
    o = {"x": x, "w": w, "bias": np.array([512, -777], np.int32), "m": np.array(m, np.int32)}
    o |= {
        "p": np.array([0, 0 if m[1] < 100 else 2], np.int32),
        "zp": zp,
        "dtype": out,
        "low": low,
        "high": high,
    }
    expected = by_windows(o, stride, low, high, out)
    for variant in ("hand", "reference"):
        np.testing.assert_array_equal(run(WIDE[stride], o, variant, core=core).result, expected)


@pytest.mark.parametrize("stride", (1, 2))
@pytest.mark.parametrize("zp", (0, 101, 128))
@pytest.mark.parametrize("m", (1 << 22, 3 << 20))
def test_wide_depthwise_rounds_ties_to_even(core, rng, stride, zp, m):
    """One tap of 1 makes the sum x itself, so that every output can be made a tie, on both sides of zero."""
    half = (1 << 31) // (m & -m)  # the least tie; its odd multiples are the others
    ties = (2 * rng.integers(-7, 7, (1, 9, 12)) + 1) * half
    w = np.zeros((1, 3, 3), np.int8)
    w[0, 1, 1] = 1
    x = ties.astype(np.int16)
    o = {"x": x, "w": w, "bias": np.zeros(1, np.int32), "m": np.array([m], np.int32)}
    o |= {"p": np.zeros(1, np.int32), "zp": zp}
    middle = x[:, 1:-1:stride, 1:-1:stride][:, : (9 - 3) // stride + 1, : (12 - 3) // stride + 1]
    product = middle.astype(np.int64) * m
    visible = (product >> 32) + zp
    assert ((product & 0xFFFFFFFF) == 1 << 31).all()
    assert ((product >> 32) % 2 == 0)[(visible >= 0) & (visible < 255)].sum() >= 5
    expected = by_windows(o, stride, 0, 255, np.uint8)
    for variant in ("hand", "reference"):
        np.testing.assert_array_equal(run(WIDE[stride], o, variant, core=core).result, expected)


@pytest.mark.parametrize("log_scale", range(-14, -3))
@pytest.mark.parametrize("x_range", ((0, 255), (-128, 127), (-300, 300)))
def test_fast_constants_give_the_format_for_every_sum(rng, log_scale, x_range):
    w = rng.integers(-128, 127, (3, 3), np.int8, endpoint=True)
    m, p = multiplier(2.0 ** (log_scale + rng.random() * 0.99))
    bias, low = int(rng.integers(-30_000, 30_000)), int(rng.choice([0, -128]))
    zp = int(rng.integers(low, low + 256))
    found = fast(Format(m, p, zp, low, low + 255), w, bias, *x_range)
    assert found is not None
    ends = np.sort(np.outer(x_range, w.astype(np.int64).reshape(-1)), axis=0).sum(axis=1) + bias
    sums = np.arange(ends[0], ends[1] + 1)
    whole, rest = np.divmod(sums * (m << p), 1 << 32)
    whole += (rest > 1 << 31) | ((rest == 1 << 31) & (whole % 2 == 1))
    scaled = sums * found.g + found.b
    assert np.abs(scaled).max() < 1 << 31
    got = low + np.clip(scaled * found.n >> SHIFT, 0, 255)
    np.testing.assert_array_equal(got, np.clip(whole + zp, low, low + 255))


def test_powers_of_two_have_no_fast_constants(rng):
    w = rng.integers(-128, 127, (3, 3), np.int8, endpoint=True)
    assert fast(Format(1 << 22, 0, 0, 0, 255), w, 0, 0, 255) is None


@pytest.mark.parametrize("stride", (1, 2))
@pytest.mark.parametrize("width", (1, 2, 5, 7, 9, 28, 31))
def test_narrow_and_wide_depthwise_agree(core, rng, stride, width):
    o = DEPTHWISE[stride].sample(rng, {"c": 2, "oh": 3, "ow": width}, False)
    np.testing.assert_array_equal(*(run(k[stride], o, core=core).result for k in (DEPTHWISE, WIDE)))


@pytest.mark.parametrize(
    "changes, error, words",
    [
        ({"p": np.array([9], np.int32)}, RangeError, r"\|w\| \* 2\*\*p"),
        ({"p": np.array([30], np.int32)}, RangeError, "coarser output scale"),
        ({"high": 256}, OperandError, "from 0 to 255"),
        ({"x": np.full((1, 4, 4), 600, np.int16), "x_limits": (0, 500)}, OperandError, "from 600"),
        ({"m": np.array([0], np.int32)}, OperandError, "from 1"),
    ],
)
def test_wide_depthwise_refuses(changes, error, words):
    shape = {"c": 1, "oh": 2, "ow": 2, "route": 0}
    good = depthwise_wide.sample(1, np.random.default_rng(1), shape, False) | {
        "x": np.zeros((1, 4, 4), np.uint8)
    }
    good |= {"w": np.full((1, 3, 3), 127, np.int8), "bias": np.zeros(1, np.int32)}
    with pytest.raises(error, match=words):
        WIDE[1].lower(good | changes)


@pytest.mark.parametrize(
    "changes, words", [({"zero": 300}, "zero"), ({"channels": (2, 4)}, "channels"), ({"out": (0, 1)}, "out")]
)
def test_im2col_refuses(changes, words):
    good = {"x": np.zeros((3, 3, 4), np.uint8), "zero": 0, "kernel": (1, 1), "stride": (1, 1), "out": (3, 3)}
    with pytest.raises(OperandError, match=words):
        IM2COL.lower(good | changes)


def geometry(**changes):
    sizes = {"tile": (5, 6), "channels": 8, "out_channels": 7, "kernel": (3, 3), "stride": (1, 1)}
    return Conv2d(**(sizes | {"corner": (-1, -1), "out": (4, 5), "chunk": (3, 3, 8)} | changes))


def by_definition(conv, o):
    dtype = np.iinfo(o["dtype"])
    out = np.zeros((*conv.out, conv.out_channels), o["dtype"])
    x, w = o["x"].astype(int), o["w"].astype(int)
    b = columns(x, o["zero"], conv.kernel, conv.stride, conv.corner, conv.out).astype(int) - o["zero"]
    for c in range(conv.out_channels):
        scale = Fraction(int(o["m"][c]) << int(o["p"][c]), 1 << 32)
        for n, total in enumerate(w[c].reshape(-1) @ b + int(o["bias"][c])):
            low, high = o.get("low", dtype.min), o.get("high", dtype.max)
            out[(*divmod(n, conv.out[1]), c)] = rounded(int(total), scale, o["zp"], low, high)
    return out


@pytest.mark.parametrize("signed, extreme", ((False, False), (True, False), (True, True)))
def test_every_cut_of_a_convolution_gives_its_definition(core, rng, signed, extreme):
    whole = geometry()
    operands = conv2d_tile.sample(whole, rng, signed, extreme)
    expected = by_definition(whole, operands)
    np.testing.assert_array_equal(conv2d_tile.twin(whole, operands), expected)
    cuts = ({}, {"group": 2}, {"chunk": (1, 3, 8)}, {"chunk": (2, 2, 4), "group": 8}, {"chunk": (1, 1, 3)})
    for cut in (*cuts, {"resident": False, "chunk": (1, 3, 8), "group": 2}, {"resident": False, "group": 9}):
        run_ = run_tile(core, conv2d_tile.tile(geometry(**cut), operands))
        np.testing.assert_array_equal(run_.stored["y"], expected, err_msg=str(cut))


def test_one_dimension_is_height_one(core, rng):
    """conv1d with kernel 5, stride 2 and padding 2 is a tile of one row; numpy.correlate says what it sums."""
    conv = geometry(tile=(1, 23), kernel=(1, 5), stride=(1, 2), corner=(0, -2), out=(1, 12), chunk=(1, 5, 8))
    operands = conv2d_tile.sample(conv, rng) | {"low": 20, "high": 230}
    x, w = operands["x"][0].astype(np.int64) - operands["zero"], operands["w"][:, 0].astype(np.int64)
    sums = [sum(np.correlate(np.pad(x[:, c], 2), w[i, :, c]) for c in range(8))[::2] for i in range(7)]
    got = run_tile(core, conv2d_tile.tile(conv, operands)).stored["y"]
    for (j, i), value in np.ndenumerate(got[0]):
        scale = Fraction(int(operands["m"][i]) << int(operands["p"][i]), 1 << 32)
        assert value == rounded(int(sums[i][j] + operands["bias"][i]), scale, operands["zp"], 20, 230)


def test_tile_refuses(rng):
    conv = geometry()
    operands = conv2d_tile.sample(conv, rng)
    with pytest.raises(OperandError, match="size 8 on axis 2"):
        conv2d_tile.tile(geometry(), operands | {"x": np.zeros((5, 6, 4), np.uint8)})
    with pytest.raises(RangeError, match="cut the channels"):
        conv2d_tile.tile(conv, operands | {"bias": np.full(7, (1 << 31) - 1, np.int32), "zero": 0})
    large = geometry(tile=(18, 18), channels=64, out=(16, 16), chunk=(3, 3, 64))
    with pytest.raises(DTCMError, match="bytes of DTCM"):
        run_tile(Core(), conv2d_tile.tile(large, conv2d_tile.sample(large, rng)))


@pytest.mark.parametrize("changes", ({}, {"group": 2}, {"chunk": (2, 3, 4), "group": 3}, {"resident": False}))
def test_a_pitch_leaves_room_behind_the_channels(core, rng, changes):
    plain, wide = geometry(**changes), geometry(**changes, pitch=(12, 16))
    operands = conv2d_tile.sample(plain, rng)
    x = rng.integers(0, 256, (5, 6, 12), np.uint8)
    x[..., :8] = operands["x"]
    got = run_tile(core, conv2d_tile.tile(wide, operands | {"x": x})).stored["y"]
    np.testing.assert_array_equal(got[..., :7], conv2d_tile.twin(plain, operands))
    assert not got[..., 7:].any()
    np.testing.assert_array_equal(got, conv2d_tile.twin(wide, operands | {"x": x}))


def test_a_pitch_below_the_channels_is_refused(rng):
    operands = conv2d_tile.sample(geometry(), rng)
    with pytest.raises(OperandError, match=r"pitch\[1\]"):
        conv2d_tile.tile(geometry(pitch=(0, 6)), operands)
