"""An int8 convolution tile on one core: im2col, weight expansion, product and requantisation in one DTCM.

The taps are cut into chunks of k = (kernel rows, kernel columns, channels). For each chunk the input is
packed once into B panels for all output channels; weights are expanded a few panels of three rows at a time,
multiplied, and the int32 sums wait in the DTCM for the next chunk. One chunk with all taps needs sums for
one group of rows only. A one-dimensional convolution is a tile of height 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Operands, Work
from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pairs_of
from spinntensor.kernels.quantize import limits, multipliers, requantize_rows
from spinntensor.kernels.requantize_common import clamp_of
from spinntensor.kernels.requantize_s32 import prove, row_words
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile
from spinntensor.kernels.unpack_s8_outer_u32 import pack, patches

NAME = "conv2d_tile"
INT32 = (1 << 31) - 1


@dataclass(frozen=True)
class Conv2d:
    """Geometry of a tile, and how it is cut; sizes are (rows, columns).

    Parameters
    ----------
    tile : pixels of the input tile, halo included, explicit padding not.
    channels, out_channels : of input and output.
    kernel, stride, out : taps, steps and output pixels.
    corner : pixel under the first tap of the first output; negative where the tile is padded.
    chunk : kernel rows, kernel columns and channels of a chunk of k; they need not divide the whole.
    group : panels of three output channels that are expanded and multiplied at a time.
    resident : whether the DTCM holds all weights; else those of a group arrive just before they are expanded.
    pitch : bytes from pixel to pixel of input and output, 0 for as many as channels. Bytes behind the channels are
        not read, and written as zeros.
    """

    tile: tuple[int, int]
    channels: int
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    corner: tuple[int, int]
    out: tuple[int, int]
    chunk: tuple[int, int, int]
    group: int = 1
    resident: bool = True
    pitch: tuple[int, int] = (0, 0)

    @property
    def x_pitch(self) -> int:
        """Bytes from pixel to pixel of the input."""
        return self.pitch[0] or self.channels

    @property
    def y_pitch(self) -> int:
        """Bytes from pixel to pixel of the output."""
        return self.pitch[1] or self.out_channels

    @property
    def pixels(self) -> int:
        """Output pixels: the columns of the product."""
        return self.out[0] * self.out[1]

    @property
    def macs(self) -> int:
        """Logical multiply-accumulates."""
        return self.pixels * self.out_channels * self.kernel[0] * self.kernel[1] * self.channels

    @cached_property
    def chunks(self) -> tuple[tuple[slice, slice, slice], ...]:
        """The chunks in order: slices of kernel rows, kernel columns and channels."""
        rows, columns, channels = (
            [slice(a, min(a + step, size)) for a in range(0, size, step)]
            for size, step in zip((*self.kernel, self.channels), self.chunk, strict=True)
        )
        return tuple((r, c, d) for r in rows for c in columns for d in channels)

    @cached_property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """First output channel of each group, and the one behind its last."""
        step = BLOCK * self.group
        return tuple((a, min(a + step, self.out_channels)) for a in range(0, self.out_channels, step))


def tile(conv: Conv2d, operands: Operands) -> Tile:
    """The kernel calls of `conv` on these operands, with their places in the DTCM.

    x uint8 or int8 [H,W,C] (the pitch where there is one, instead of C) with zero point `zero`; w int8 [M,KH,KW,C] and
    bias, m, p int32 [M]; output zero point `zp` and clamp `low`..`high` of type `dtype` (uint8 or int8). Stores y
    [OH,OW,M] (or its pitch). With several chunks and no pitch y takes the place of x, no longer needed then.

    RangeError when 32 bits cannot hold every sum; OperandError for operands that do not fit the geometry.
    """
    x, w, bias, m, p, dtype, (zp, low, high) = _checked(conv, operands)
    # int8 goes through as x + 128, its zero point too; padding reads the zero point
    offset = 128 if x.dtype == np.int8 else 0
    zero = operands["zero"] + offset
    rows = constants(NAME, w.reshape(conv.out_channels, -1), zero, (bias, m, p), zp, low)
    weights, fixes = _weights(conv, w)
    single = len(conv.chunks) == 1
    sizes = [pairs_of(_taps(chunk)) for chunk in conv.chunks]
    panels = min(conv.group, -(-conv.out_channels // BLOCK))
    y_size = conv.pixels * conv.y_pitch
    regions = {
        "x": x.nbytes if _apart(conv) else max(x.nbytes, y_size),
        "pad": max(d.stop - d.start for *_, d in conv.chunks),
        "b": 4 * (-(-conv.pixels // BLOCK) * BLOCK * max(sizes) + 1),
        "w": _places(conv, weights)[1],
        "a": 4 * panels * max(BLOCK * pairs + chunks_of(pairs) for pairs in sizes),
        "patches": max(8, _places(conv, fixes)[1]),
        "c": 4 * conv.pixels * (min(BLOCK * panels, conv.out_channels) if single else conv.out_channels),
        "rows": rows.nbytes,
    }
    if _apart(conv):
        regions["y"] = y_size
    actions = tuple(_actions(conv, x, zero - offset, weights, fixes, rows, (dtype, zp, low, high)))
    return Tile(NAME, {name: -(-size // 8) * 8 for name, size in regions.items()}, actions)


def constants(
    name: str, w: np.ndarray, zero: int, factors: tuple[np.ndarray, np.ndarray, np.ndarray], zp: int, low: int
) -> np.ndarray:
    """Constants of requantisation for sums w[M,K] x with bytes x in 0..255, uint32 [M,4], or RangeError.

    `zero` is what x holds for 0, in 0..255; `factors` are bias, m and p.
    """
    bias, m, p = factors
    flat = w.astype(np.int64)
    folded = bias.astype(np.int64) - zero * flat.sum(axis=1)
    bounds = [int(b) for b in np.abs(flat).sum(axis=1) * 255 + np.abs(folded)]
    if max(bounds) > INT32:
        raise RangeError(name, max(bounds), INT32, "the bound is 255 * sum|w| + |bias|: cut the channels")
    prove(name, bounds, p)
    return row_words(folded.astype(np.int32), m, p, zp, low, bounds)


def _apart(conv: Conv2d) -> bool:
    """Whether y has a region of its own: x is still needed, or zeros wait behind the channels."""
    return (len(conv.chunks) == 1 and len(conv.groups) > 1) or conv.y_pitch > conv.out_channels


def _places(conv: Conv2d, parts: dict) -> tuple[dict, int]:
    """Offset of each part of the weights in its region, a double word's, and the bytes of the region."""
    places, at = {}, 0
    for key, part in parts.items():
        places[key] = at if conv.resident else 0
        at += -(-part.nbytes // 8) * 8
    return places, at if conv.resident else max(part.nbytes for part in parts.values())


def _joined(parts: dict) -> np.ndarray:
    """All parts in one array, at the places that `_places` gives them."""
    return np.concatenate([np.pad(part.reshape(-1), (0, part.size % 2)) for part in parts.values()])


def _taps(chunk: tuple[slice, slice, slice]) -> int:
    return int(np.prod([s.stop - s.start for s in chunk]))


def _weights(conv: Conv2d, w: np.ndarray) -> tuple[dict, dict]:
    """Packed weights and patches by (chunk, group)."""
    cut = {
        (i, j): w[(slice(*group), *chunk)].reshape(group[1] - group[0], -1)
        for i, chunk in enumerate(conv.chunks)
        for j, group in enumerate(conv.groups)
    }
    return {at: pack(a) for at, a in cut.items()}, {at: patches(a) for at, a in cut.items()}


def _actions(conv, x, zero, weights, fixes, rows, output) -> Iterator[Fetch | Step | Store]:
    dtype, zp, low, high = output
    signed = x.dtype == np.int8
    yield Fetch("x", At("x"), x)
    yield Fetch(
        "pad", At("pad"), np.full(max(d.stop - d.start for *_, d in conv.chunks), zero & 0xFF, np.uint8)
    )
    yield Fetch("rows", At("rows"), rows)
    y = At("y" if _apart(conv) else "x")
    if conv.y_pitch > conv.out_channels:
        yield Fetch("spare", y, np.zeros(conv.pixels * conv.y_pitch, np.uint8))
    places, fix_places = _places(conv, weights)[0], _places(conv, fixes)[0]
    if conv.resident:
        yield Fetch("w", At("w"), _joined(weights))
        if any(fix.size for fix in fixes.values()):
            yield Fetch("patches", At("patches"), _joined(fixes))
    single = len(conv.chunks) == 1
    sums = {"y_step": conv.y_pitch, "y_row": 1, "ldc": conv.pixels, "n": conv.pixels, "c": At("c")}
    clamp = {"range": high - low, "low": low, "odd": (zp - low) & 1}
    requantize = f"requantize_s32_{'s8' if dtype == np.int8 else 'u8'}_x16"
    for i, chunk in enumerate(conv.chunks):
        pairs = pairs_of(_taps(chunk))
        yield Step("im2col_u8_outer_u8", _im2col(conv, chunk, 0x80 if signed else 0))
        for j, (first, end) in enumerate(conv.groups):
            if not conv.resident:
                yield Fetch(f"w {i, j}", At("w"), weights[i, j])
                if fixes[i, j].size:
                    yield Fetch(f"patches {i, j}", At("patches"), fixes[i, j])
            source = {"packed": At("w", places[i, j]), "patches": At("patches", fix_places[i, j])}
            words = {"panels": len(weights[i, j]), "pairs": pairs, "npatches": fixes[i, j].size}
            yield Step("unpack_s8_outer_u32", {**source, "a": At("a"), **words})
            c = At("c", 0 if single else 4 * first * conv.pixels)
            product = {"m": end - first, "n": conv.pixels, "pairs": pairs, "ldc": conv.pixels}
            yield Step(
                "gemm_s16_3x3_outer_u32",
                {"a": At("a"), "b": At("b"), "c": c, **product, "accumulate": int(i > 0)},
            )
            if single:
                places_of = {
                    "y": At(y.region, first),
                    "rows": At("rows", rows[:first].nbytes),
                    "m": end - first,
                }
                yield Step(requantize, {**sums, **clamp, **places_of})
    if not single:
        yield Step(requantize, {**sums, **clamp, "y": y, "rows": At("rows"), "m": conv.out_channels})
    yield Store("y", y, (*conv.out, conv.y_pitch), np.dtype(dtype))


def _im2col(conv: Conv2d, chunk: tuple[slice, slice, slice], flip: int) -> dict[str, int | At]:
    rows, columns, channels = chunk
    top, left = conv.corner[0] + rows.start, conv.corner[1] + columns.start
    (kh, kw), (sy, sx) = (rows.stop - rows.start, columns.stop - columns.start), conv.stride
    return {
        "x": At("x", channels.start),
        "pad": At("pad"),
        "b": At("b"),
        "tile": conv.tile[0] | conv.tile[1] << 16,
        "row_stride": conv.tile[1] * conv.x_pitch,
        "pixel_stride": conv.x_pitch,
        "channel_stride": 1,
        "channels": channels.stop - channels.start,
        "kernel": kh | kw << 8 | sy << 16 | sx << 24,
        "corner": (top & 0xFFFF) | (left & 0xFFFF) << 16,
        "out": conv.out[0] | conv.out[1] << 16,
        "flip": flip,
    }


def _checked(conv: Conv2d, operands: Operands) -> tuple:
    x, dtype = operands["x"], np.dtype(operands.get("dtype", np.uint8)).type
    signed = isinstance(x, np.ndarray) and x.dtype == np.int8
    for i, (pitch, channels) in enumerate(((conv.x_pitch, conv.channels), (conv.y_pitch, conv.out_channels))):
        word(NAME, f"pitch[{i}]", pitch, channels, INT32)
    x = array(NAME, "x", x, np.int8 if signed else np.uint8, 3, dict(enumerate((*conv.tile, conv.x_pitch))))
    word(NAME, "zero", operands["zero"], *limits(x.dtype))
    size = (conv.out_channels, *conv.kernel, conv.channels)
    w = array(NAME, "w", operands["w"], np.int8, 4, dict(enumerate(size)))
    bias, m, p = (
        array(NAME, n, operands[n], np.int32, 1, {0: conv.out_channels}) for n in ("bias", "m", "p")
    )
    return x, w, bias, m, p, dtype, clamp_of(NAME, operands, dtype)


def twin(conv: Conv2d, operands: Operands) -> np.ndarray:
    """y [OH,OW,M] = clamp(zp + rhe((sum w (x - zero) + bias) * m * 2**(p-32))), by definition; zeros to the pitch."""
    x, w, bias, m, p, dtype, (zp, low, high) = _checked(conv, operands)
    (oh, ow), (sy, sx), (top, left) = conv.out, conv.stride, conv.corner
    acc = np.zeros((oh, ow, conv.out_channels), np.int64)
    centred = x[..., : conv.channels].astype(np.int64) - operands["zero"]
    for u in range(conv.kernel[0]):
        for v in range(conv.kernel[1]):
            y, at = np.arange(oh) * sy + top + u, np.arange(ow) * sx + left + v
            inside = ((y >= 0) & (y < conv.tile[0]))[:, None] & ((at >= 0) & (at < conv.tile[1]))
            patch = centred[np.clip(y, 0, conv.tile[0] - 1)[:, None], np.clip(at, 0, conv.tile[1] - 1)]
            acc += (patch * inside[..., None]) @ w[:, u, v].astype(np.int64).T
    out = np.empty((conv.out_channels, conv.pixels), dtype)
    requantize_rows(acc.reshape(-1, conv.out_channels).T, bias, m, p, zp, low, high, out)
    return np.pad(out.T, ((0, 0), (0, conv.y_pitch - conv.out_channels))).reshape(oh, ow, conv.y_pitch)


def sample(conv: Conv2d, rng: np.random.Generator, signed: bool = False, extreme: bool = False) -> Operands:
    """Random operands of `conv` whose outputs spread over the whole range."""
    dtype = np.int8 if signed else np.uint8
    low, high = limits(dtype)
    size = (*conv.tile, conv.x_pitch)
    w_size = (conv.out_channels, *conv.kernel, conv.channels)
    k = conv.channels * conv.kernel[0] * conv.kernel[1]
    m, p = multipliers(rng.uniform(0.5, 2, conv.out_channels) / (75 * k**0.5))
    return {
        "x": rng.choice(np.array([low, high], dtype), size)
        if extreme
        else rng.integers(low, high, size, dtype, True),
        "zero": int(rng.integers(low, high, endpoint=True)),
        "w": rng.choice(np.array([-128, 127], np.int8), w_size)
        if extreme
        else rng.integers(-127, 127, w_size, np.int8, endpoint=True),
        "bias": rng.integers(-(1 << 14), 1 << 14, conv.out_channels, np.int32),
        "m": m,
        "p": p,
        "zp": int(rng.integers(low, high, endpoint=True)),
        "dtype": dtype,
    }


def work(conv: Conv2d) -> Work:
    """The bound is that of the product alone: 18 MACs in 24 cycles."""
    return Work(conv.macs, conv.pixels * conv.out_channels, conv.macs * 24 / 18)


def _bench(
    kernel: tuple[int, int],
    out: tuple[int, int],
    chunk: tuple[int, int, int],
    group: int = 1,
    resident: bool = True,
) -> Conv2d:
    tile = (out[0] + kernel[0] - 1, out[1] + kernel[1] - 1)
    return Conv2d(tile, 64, 64, kernel, (1, 1), (0, 0), out, chunk, group, resident)


BENCH = {
    "3x3 c64 m64 5x6, weights resident": _bench((3, 3), (5, 6), (1, 3, 64)),
    "3x3 c64 m64 6x7, weights arrive": _bench((3, 3), (6, 7), (3, 3, 64), group=1, resident=False),
    "1x3 c64 m64 1x42, weights arrive": _bench((1, 3), (1, 42), (1, 3, 64), group=2, resident=False),
}
"""Benchmark tiles; where weights arrive, the host places each group just before it is expanded."""
