"""Packs a tile of int16 pixels into outer panels: what lies under a convolution's kernel, as columns or as rows.

Column n of B (or row n of A) is output pixel n (row-major), k is (block of channels, kernel row, kernel column,
channel). Taps outside the tile read 0. Taps may be spread (dilation) or run backwards (a negative one): the weights
of a convolution, seen as an image whose pixels are input channels, become the A panels of its adjoint that way.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.pack import IM2COL_S16
from spinntensor.errors import OperandError
from spinntensor.kernels.bfp16_round13_outer_u32 import panel_words
from spinntensor.kernels.check import array, word
from spinntensor.kernels.gemm_s16_fold_3x3_outer_u32 import FOLD
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import BLOCK, UNROLL, pairs_of, with_chunk_words

NAME = "im2col_s16_outer_u32"
FOUR = 4
"""Channels of a group, the unit of the fast runs."""
GROUPS = 8
"""Groups in a round of their loop."""
CHUNK = 2 * UNROLL
"""k of a chunk of A."""


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    """A tile just large enough for the taps inside it; `more` fours of channels, of which `c` are taken."""
    s = _complete(shape)
    ends = np.array([-32768, 32767], np.int16)
    size = (s["blocks"], s["height"], s["width"], s["c"] + FOUR * s["more"])
    x = rng.choice(ends, size) if extreme else rng.integers(-32768, 32768, size, dtype=np.int16)
    rows, columns = (_first(s[k], s[d], s[e]) for k, d, e in (("kh", "dy", "top"), ("kw", "dx", "left")))
    return {
        "x": x,
        "kernel": (s["kh"], s["kw"]),
        "stride": (s["sy"], s["sx"]),
        "dilation": (s["dy"], s["dx"]),
        "corner": (rows, columns),
        "out": (s["oh"], s["ow"]),
        "channels": (FOUR * s["more"], s["c"]),
        "side": "a" if s["chunk_words"] else "b",
    }


def _first(taps: int, step: int, before: int) -> int:
    """Where the first tap of the first output lies when the lowest lies `before` pixels outside the tile."""
    return max(0, -step * (taps - 1)) - before


def _checked(operands: Operands) -> tuple[np.ndarray, tuple[int, int], dict[str, tuple[int, ...]], str]:
    x = array(NAME, "x", operands["x"], np.int16, 4)
    if max(x.shape) > 65535:
        raise OperandError(NAME, "x", f"shape {x.shape}", "sizes up to 65,535", "cut the tile")
    first, count = operands.get("channels", (0, x.shape[3]))
    word(NAME, "channels[0]", first, 0, x.shape[3] - 1)
    word(NAME, "channels[1]", count, 1, x.shape[3] - first)
    limits = {"kernel": (1, 255), "stride": (1, 255), "out": (1, 65535)}
    signed = {"dilation": (-32768, 32767), "corner": (-32768, 32767)}
    values = {"stride": (1, 1), "dilation": (1, 1), "corner": (0, 0), **operands}
    sizes = {
        name: tuple(word(NAME, f"{name}[{i}]", values[name][i], *ends) for i in range(2))
        for name, ends in {**limits, **signed}.items()
    }
    side = operands["side"]
    word(NAME, "side", "ab".find(side) if isinstance(side, str) and side else -1, 0, 1)
    return x, (first, count), sizes, side


def lower(operands: Operands) -> Call:
    """x int16 [blocks, H, W, channels] -> the panels, uint32, of side "a" (with chunk words) or "b".

    `kernel`, `stride`, `dilation` (both default (1, 1)) and `out` are (rows, columns); `corner` (default (0, 0)) is
    the pixel under the first tap of the first output, negative where the tile is padded; `channels` (first, count)
    takes part of those of each block (default all). A negative dilation goes to earlier rows or columns.
    """
    x, (first, count), sizes, side = _checked(operands)
    blocks, height, width, total = x.shape
    (kh, kw), (sy, sx), (oh, ow) = sizes["kernel"], sizes["stride"], sizes["out"]
    pack = {name: (sizes[name][0] & 0xFFFF) | (sizes[name][1] & 0xFFFF) << 16 for name in sizes}
    return Call(
        {
            "x": given(x.reshape(-1)[first:]),
            "pad": given(np.zeros(max(count, FOUR), np.int16)),
            "panels": room(panel_words(oh * ow, blocks * kh * kw * count, side), np.uint32),
        },
        {
            "tile": height | width << 16,
            "row_stride": 2 * width * total,
            "pixel_stride": 2 * total,
            "block_stride": 2 * height * width * total,
            "channels": count | blocks << 16,
            "kernel": kh | kw << 8 | sy << 16 | sx << 24,
            "dilation": pack["dilation"],
            "corner": pack["corner"],
            "out": pack["out"],
            "chunk_words": int(side == "a"),
        },
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The panels as they lie in memory: a missing pixel repeats the last one, missing k are zero."""
    return outputs["panels"]


@njit(cache=True)
def _gather(x, kernel, stride, dilation, corner, out, panels):
    pixels = out[0] * out[1]
    for j in range(3 * panels.shape[0]):
        oy, ox = divmod(min(j, pixels - 1), out[1])
        k = 0
        for block in range(x.shape[0]):
            for ky in range(kernel[0]):
                row = oy * stride[0] + corner[0] + ky * dilation[0]
                for kx in range(kernel[1]):
                    column = ox * stride[1] + corner[1] + kx * dilation[1]
                    inside = 0 <= row < x.shape[1] and 0 <= column < x.shape[2]
                    for c in range(x.shape[3]):
                        place = 2 + k % 2 if j % 3 == 2 else j % 3 + 4 * (k % 2)
                        panels[j // 3, k // 2 * 6 + place] = x[block, row, column, c] if inside else 0
                        k += 1


def twin(operands: Operands) -> np.ndarray:
    """The panels, uint32."""
    x, (first, count), sizes, side = _checked(operands)
    (kh, kw), (oh, ow) = sizes["kernel"], sizes["out"]
    halves = np.zeros((-(-oh * ow // BLOCK), 6 * pairs_of(x.shape[0] * kh * kw * count)), np.int16)
    taken = x[..., first : first + count]
    _gather(taken, (kh, kw), sizes["stride"], sizes["dilation"], sizes["corner"], (oh, ow), halves)
    words = halves.view(np.uint32)
    if side == "a":
        return with_chunk_words(words, BLOCK, UNROLL, FOLD).reshape(-1)
    return np.append(words.reshape(-1), np.uint32(0))


def _complete(shape: Shape) -> dict[str, int]:
    """The shape with what it leaves out: stride, dilation and blocks 1, no padding, all channels, B panels, and a tile
    that the taps fill (`height`, `width`)."""
    s = {"sy": 1, "sx": 1, "dy": 1, "dx": 1, "top": 0, "left": 0, "more": 0, "lack": 0, "blocks": 1}
    s |= {"chunk_words": 0, **shape}
    for size, out, stride, taps, step, before in (
        ("height", "oh", "sy", "kh", "dy", "top"),
        ("width", "ow", "sx", "kw", "dx", "left"),
    ):
        span = (s[out] - 1) * s[stride] + (s[taps] - 1) * abs(s[step]) + 1
        s.setdefault(size, max(1, span - s[before] - s["lack"]))
    return s


def features(shape: Shape) -> tuple[float, ...]:
    """Call; panels, pixels, wraps; rows and blocks of taps inside; border panels, taps, rows, blocks; counts of runs;
    chunks; ends of panels; runs inside."""
    s = _complete(shape)
    words = s["c"] % FOUR == 0
    joined = s["dx"] == 1 and not s["more"]
    pixels, taps = s["oh"] * s["ow"], s["kh"] * s["kw"]
    n = np.minimum(np.arange(-(-pixels // BLOCK) * BLOCK), pixels - 1)
    y, x = n // s["ow"] * s["sy"] - s["top"], n % s["ow"] * s["sx"] - s["left"]
    tall, wide = (s["kh"] - 1) * abs(s["dy"]), (s["kw"] - 1) * abs(s["dx"])
    inside = (y >= 0) & (y + tall < s["height"]) & (x >= 0) & (x + wide < s["width"])
    panels = len(n) // BLOCK
    inner = int(inside.reshape(-1, BLOCK).all(axis=1).sum())
    outer = panels - inner
    k = s["blocks"] * taps * s["c"]
    depth = 2 * pairs_of(k)
    ends = np.arange(depth, 0, -CHUNK)[::-1] if s["chunk_words"] else np.empty(0, int)
    fast = s["kw"] * s["c"] if joined else s["c"]
    counts = inner * _run_counts(words, k, fast, ends) + outer * _run_counts(words, k, s["c"], ends)
    rest = depth - k
    return (
        1,
        panels,
        pixels - 1,
        (pixels - 1) // s["ow"],
        inner * s["blocks"] * s["kh"],
        inner * s["blocks"],
        outer,
        outer * taps * s["blocks"],
        outer * s["kh"] * s["blocks"],
        outer * s["blocks"],
        *counts,
        len(ends) * panels * words,
        len(ends) * panels * (not words),
        panels * (rest > 0),
        panels * (rest & 1),
        panels * (rest >> 1),
        inner * (k // fast),
    )


def _run_counts(words: bool, k: int, size: int, ends: np.ndarray) -> np.ndarray:
    """Of a panel in runs of `size`: runs, pieces between ends of chunks, rounds and groups of these; or of single
    channels: runs, those that begin odd, that end even, all even and odd ones."""
    starts = np.arange(0, k, size)
    if words:
        pieces = np.diff(np.union1d(np.append(starts, k), ends[ends < k])) // FOUR
        return np.array([len(starts), len(pieces), (-(-pieces // GROUPS)).sum(), pieces.sum(), 0, 0, 0, 0, 0])
    odd, even = starts % 2, (starts + size) % 2
    return np.array([0, 0, 0, 0, len(starts), odd.sum(), even.sum(), (k + 1) // 2, k // 2])


def work(shape: Shape) -> Work:
    """10 cycles for six elements, two channels of three pixels: 3 loads, 4 logical, 3 stores."""
    elements = shape["oh"] * shape["ow"] * shape["kh"] * shape["kw"] * shape["c"] * shape.get("blocks", 1)
    return Work(0, elements, elements * 10 / 6)


def _dims(kh: int, kw: int, c: int, oh: int, ow: int, **more: int) -> Shape:
    return {"kh": kh, "kw": kw, "c": c, "oh": oh, "ow": ow, **more}


KERNEL = Kernel(
    name=NAME,
    args=IM2COL_S16,
    dims={
        **dict.fromkeys(("kh", "kw", "oh", "ow"), (1, 3)),
        "c": (1, 12),
        **dict.fromkeys(("sy", "sx"), (1, 2)),
        **dict.fromkeys(("dy", "dx"), (-2, 2)),
        **dict.fromkeys(("top", "left", "lack"), (0, 2)),
        "more": (0, 1),
        "blocks": (1, 2),
        "chunk_words": (0, 1),
    },
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=(
        _dims(3, 3, 64, 4, 6),
        _dims(3, 3, 64, 4, 6, top=1, left=1, lack=1),
        _dims(3, 3, 16, 4, 12, blocks=2),
        _dims(1, 1, 64, 6, 8),
        _dims(2, 2, 32, 1, 32, dx=-2, dy=-2, chunk_words=1),
        _dims(3, 3, 3, 4, 9),
    ),
)
