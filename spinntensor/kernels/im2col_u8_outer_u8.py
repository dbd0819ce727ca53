"""Packs an 8-bit input tile into the B panels of the outer matrix products: convolution becomes a product.

Column n of B is output pixel n (row-major), row k is (kernel row, kernel column, channel). Taps outside the
tile read the zero point. Part of the taps is a smaller kernel with its corner moved; part of the channels is
a slice of x. One-dimensional convolution is height 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.conv import IM2COL_U8
from spinntensor.errors import OperandError
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import BLOCK, pairs_of
from spinntensor.kernels.quantize import limits

NAME = "im2col_u8_outer_u8"
UNROLL = 8


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    """A tile just large enough for the taps inside it; `more` fours of channels, of which `c` are taken."""
    s = _complete(shape)
    dtype = np.int8 if s["signed"] else np.uint8
    values = np.array(limits(dtype), dtype)
    size = (s["height"], s["width"], s["c"] + 4 * s["more"])
    x = rng.choice(values, size) if extreme else rng.integers(*limits(dtype), size, dtype, endpoint=True)
    return {
        "x": np.ascontiguousarray(x.transpose(2, 0, 1)) if s["planar"] else x,
        "zero": int(rng.integers(*limits(dtype), endpoint=True)),
        "kernel": (s["kh"], s["kw"]),
        "stride": (s["sy"], s["sx"]),
        "corner": (-s["top"], -s["left"]),
        "out": (s["oh"], s["ow"]),
        "channels": (s["more"], s["c"]),
        "planar": bool(s["planar"]),
    }


def lower(operands: Operands) -> Call:
    """Describe the tile x, uint8 or int8 [H,W,C], or [C,H,W] if `planar`.

    `zero` is what a tap outside reads; `kernel`, `stride` and `out` are (rows, columns); `corner` (default
    (0, 0)) is the pixel under the first tap of the first output, negative where the tile is padded;
    `channels` (first, count) takes part of them (default all). int8 goes through as x + 128.
    """
    x, zero, (first, count), planar = _checked(operands)
    height, width, total = x.shape if not planar else (*x.shape[1:], x.shape[0])
    pixel, channel = (1, height * width) if planar else (total, 1)
    row = width * pixel
    (kh, kw), (sy, sx), (oh, ow) = (
        tuple(word(NAME, f"{name}[{i}]", operands[name][i], 1, top) for i in range(2))
        for name, top in (("kernel", 255), ("stride", 255), ("out", 65535))
    )
    top, left = (word(NAME, "corner", c, -32768, 32767) for c in operands.get("corner", (0, 0)))
    # the slice of the tile from its first channel on, in a buffer that starts there
    data = x.reshape(-1).view(np.uint8)[first * channel :]
    return Call(
        {
            "x": given(data),
            "pad": given(np.full(count, zero & 0xFF, np.uint8)),
            "b": room(_words(oh * ow, kh * kw * count), np.uint32),
        },
        {
            "tile": height | width << 16,
            "row_stride": row,
            "pixel_stride": pixel,
            "channel_stride": channel,
            "channels": count,
            "kernel": kh | kw << 8 | sy << 16 | sx << 24,
            "corner": (top & 0xFFFF) | (left & 0xFFFF) << 16,
            "out": oh | ow << 16,
            "flip": 0x80 if x.dtype == np.int8 else 0,
        },
    )


def _checked(operands: Operands) -> tuple[np.ndarray, int, tuple[int, int], bool]:
    x = operands["x"]
    if not (isinstance(x, np.ndarray) and x.dtype == np.int8):
        x = array(NAME, "x", x, np.uint8, 3)
    x = array(NAME, "x", x, x.dtype, 3)
    planar = bool(operands.get("planar", False))
    if max(x.shape) > 65535:
        raise OperandError(NAME, "x", f"shape {x.shape}", "sizes up to 65,535", "cut the tile")
    zero = word(NAME, "zero", operands["zero"], *limits(x.dtype))
    total = x.shape[0 if planar else 2]
    first, count = operands.get("channels", (0, total))
    word(NAME, "channels[0]", first, 0, total - 1)
    word(NAME, "channels[1]", count, 1, total - first)
    return x, zero, (first, count), planar


def _words(pixels: int, k: int) -> int:
    return -(-pixels // BLOCK) * BLOCK * pairs_of(k) + 1


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The panels as they lie in memory: a missing pixel repeats the last one, missing k are zero."""
    return outputs["b"]


@njit(cache=True)
def _gather(x, zero, flip, kernel, stride, corner, out, pairs, b):
    pixels = out[0] * out[1]
    for j in range(b.size // (6 * pairs) * 3):
        oy, ox = divmod(min(j, pixels - 1), out[1])
        k = 0
        for ky in range(kernel[0]):
            row = oy * stride[0] + corner[0] + ky
            for kx in range(kernel[1]):
                column = ox * stride[1] + corner[1] + kx
                inside = 0 <= row < x.shape[0] and 0 <= column < x.shape[1]
                for c in range(x.shape[2]):
                    value = x[row, column, c] if inside else zero
                    if j % 3 == 2:
                        place = 2 + k % 2
                    else:
                        place = j % 3 + 4 * (k % 2)
                    b[(j // 3 * pairs + k // 2) * 6 + place] = value ^ flip
                    k += 1


def twin(operands: Operands) -> np.ndarray:
    """The panels of B, uint32."""
    x, zero, (first, count), planar = _checked(operands)
    logical = (x.transpose(1, 2, 0) if planar else x)[:, :, first : first + count].view(np.uint8)
    (kh, kw), (oh, ow) = operands["kernel"], operands["out"]
    b = np.zeros(2 * _words(oh * ow, kh * kw * count), np.int16)
    flip = 0x80 if x.dtype == np.int8 else 0
    geometry = (operands["kernel"], operands["stride"], operands.get("corner", (0, 0)), operands["out"])
    _gather(logical, zero & 0xFF, flip, *geometry, pairs_of(kh * kw * count), b)
    return b.view(np.uint32)


def _complete(shape: Shape) -> dict[str, int]:
    """The shape with what it leaves out: stride 1, no padding, all channels, a tile that the taps fill."""
    s = {"sy": 1, "sx": 1, "top": 0, "left": 0, "more": 0, "planar": 0, "signed": 0, "lack": 0}
    s |= shape
    height = max(1, (s["oh"] - 1) * s["sy"] + s["kh"] - s["top"] - s["lack"])
    width = max(1, (s["ow"] - 1) * s["sx"] + s["kw"] - s["left"] - s["lack"])
    return {"height": height, "width": width, **s}


def features(shape: Shape) -> tuple[float, ...]:
    """Call; panels, pixels, wraps; loops; border panels, taps, rows; counts of runs; ends of panels."""
    s = _complete(shape)
    words = not s["planar"] and s["c"] % 4 == 0
    joined = s["c"] == 1 and s["height"] * s["width"] == 1 if s["planar"] else not s["more"]
    pixels, taps = s["oh"] * s["ow"], s["kh"] * s["kw"]
    n = np.minimum(np.arange(-(-pixels // BLOCK) * BLOCK), pixels - 1)
    y, x = n // s["ow"] * s["sy"] - s["top"], n % s["ow"] * s["sx"] - s["left"]
    inside = (y >= 0) & (y + s["kh"] <= s["height"]) & (x >= 0) & (x + s["kw"] <= s["width"])
    inner = int(inside.reshape(-1, BLOCK).all(axis=1).sum())
    outer = len(n) // BLOCK - inner
    fast = (s["kh"], s["kw"] * s["c"]) if joined else (taps, s["c"])
    counts = np.zeros(9)
    for panels, (runs, size) in ((inner, fast), (outer, (taps, s["c"]))):
        counts += panels * _run_counts(words, runs, size)
    loops = inner * (1 if joined else s["kh"])
    rest = -taps * s["c"] % 4
    flipped = counts[0] + counts[3] + 2 * counts[4] + counts[5]
    tail = len(n) // BLOCK
    return (
        1,
        words,
        tail,
        pixels - 1,
        (pixels - 1) // s["ow"],
        loops,
        outer,
        outer * taps,
        outer * s["kh"],
        *counts,
        flipped * s["signed"],
        tail * (rest > 0),
        tail * (rest & 1),
        tail * (rest >> 1),
    )


def _run_counts(words: bool, runs: int, size: int) -> np.ndarray:
    """A panel's groups, loops, runs in words; odd starts, pairs, ends, loops, runs with pairs, runs in bytes."""
    counts = np.zeros(9)
    if words:
        groups = size // 4
        counts[:3] = groups * runs, (groups - 1) // UNROLL * runs, runs
        return counts
    counts[8] = runs
    parity = 0
    for _ in range(runs):
        left = size - parity
        pairs = left // 2
        counts[3:8] += parity, pairs, left & 1, max(pairs - 1, 0) // 4, pairs > 0
        parity = left & 1
    return counts


def work(shape: Shape) -> Work:
    """21 cycles for twelve elements, four channels of three pixels: 3 loads, 12 logical, 6 stores."""
    elements = shape["oh"] * shape["ow"] * shape["kh"] * shape["kw"] * shape["c"]
    return Work(0, elements, elements * 21 / 12)


def _dims(kh: int, kw: int, c: int, oh: int, ow: int, **more: int) -> Shape:
    return {"kh": kh, "kw": kw, "c": c, "oh": oh, "ow": ow, **more}


KERNEL = Kernel(
    name=NAME,
    args=IM2COL_U8,
    dims={
        **dict.fromkeys(("kh", "kw", "oh", "ow"), (1, 4)),
        "c": (1, 16),
        **dict.fromkeys(("sy", "sx"), (1, 3)),
        **dict.fromkeys(("top", "left", "lack"), (0, 2)),
        "more": (0, 2),
        **dict.fromkeys(("planar", "signed"), (0, 1)),
    },
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=(
        _dims(3, 3, 64, 4, 6),
        _dims(3, 3, 64, 4, 6, signed=1),
        _dims(3, 3, 64, 4, 6, top=1, left=1, lack=1),
        _dims(1, 1, 64, 6, 8),
        _dims(1, 3, 64, 1, 30, left=1, lack=1),
        _dims(7, 7, 3, 4, 9, sy=2, sx=2),
    ),
)
