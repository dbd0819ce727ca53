"""An int8 convolution tile on one core: im2col, weight expansion, product and requantisation in one DTCM.

The taps are cut into chunks of k = (kernel rows, kernel columns, channels). For each chunk the input is
packed once into B panels for all output channels; weights are expanded a few panels of three rows at a time,
multiplied, and the int32 sums wait in the DTCM for the next chunk. One chunk with all taps needs sums for
one group of rows only. A one-dimensional convolution is a tile of height 1.

Activations may lie in blocks of channels, one image of [H,W,block] behind the other, as they do in SDRAM. A chunk then
lies in one block; but for a 1x1 convolution of whole rows the blocks are what im2col takes for rows of a kernel, so
that a chunk has any number of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, word
from spinntensor.kernels.conv2d_geometry import NAME, Conv2d
from spinntensor.kernels.kernel import Operands, Work
from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pack_a, pairs_of
from spinntensor.kernels.quantize import limits, multipliers, requantize_rows
from spinntensor.kernels.requantize_common import clamp_of, clamp_words, counts_of
from spinntensor.kernels.requantize_s32 import prove, row_words
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile
from spinntensor.kernels.unpack_s8_outer_u32 import pack, patches

INT32 = (1 << 31) - 1


def tile(conv: Conv2d, operands: Operands) -> Tile:
    """The kernel calls of `conv` on these operands, with their places in the DTCM.

    x uint8 or int8 [H,W,C] (the pitch where there is one, instead of C; with blocks [C/block,H,W,block]) with zero
    point `zero`; w int8 [M,KH,KW,C] and bias, m, p int32 [M]; output zero point `zp` and clamp `low`..`high` of type
    `dtype` (uint8 or int8). Stores y [OH,OW,M] (or its pitch), or a `y i` [OH,OW,block] for each block. With several
    chunks and no pitch y takes the place of x, no longer needed then, unless it is to stay `apart`.

    RangeError when 32 bits cannot hold every sum; OperandError for operands that do not fit the geometry.
    """
    x, w, bias, m, p, dtype, (zp, low, high) = checked(conv, operands)
    # int8 goes through as x + 128, its zero point too; padding reads the zero point
    offset = 128 if x.dtype == np.int8 else 0
    zero = operands["zero"] + offset
    clamp = clamp_words(zp, low, high, counts_of(NAME, operands))
    rows = constants(NAME, w.reshape(conv.out_channels, -1), zero, (bias, m, p), zp, clamp, dtype)
    weights, fixes = _weights(conv, w)
    single = len(conv.chunks) == 1
    sizes = [pairs_of(_taps(chunk)) for chunk in conv.chunks]
    panels = min(conv.group, -(-conv.out_channels // BLOCK))
    y_size = int(np.prod(conv.y_shape))
    panel_bytes = 4 * panels * max(BLOCK * pairs + chunks_of(pairs) for pairs in sizes)
    regions = {
        "x": conv.x_bytes if _apart(conv) else max(conv.x_bytes, y_size),
        "pad": max(d.stop - d.start for *_, d in conv.chunks),
        "b": 4 * (-(-conv.pixels // BLOCK) * BLOCK * max(sizes) + 1),
        "w": _places(conv, weights)[1],
        "a": panel_bytes,
        "patches": max(8, _places(conv, fixes)[1]),
        "c": 4 * conv.pixels * (min(BLOCK * panels, conv.out_channels) if single else conv.out_channels),
        "rows": rows.nbytes,
    }
    if conv.expanded:
        regions["a"] = regions["w"]
        del regions["w"], regions["patches"]
    if _apart(conv):
        regions["y"] = y_size
    actions = tuple(_actions(conv, x, zero - offset, weights, fixes, rows, dtype, clamp))
    return Tile(NAME, {name: -(-size // 8) * 8 for name, size in regions.items()}, actions)


def constants(
    name: str,
    w: np.ndarray,
    zero: int,
    factors: tuple[np.ndarray, np.ndarray, np.ndarray],
    zp: int,
    clamp: Mapping[str, int],
    dtype: type,
) -> np.ndarray:
    """Constants of requantisation for sums w[M,K] x with bytes x in 0..255, uint32 [M,4], or RangeError.

    `zero` is what x holds for 0, in 0..255; `factors` are bias, m and p; `clamp` is as `clamp_words` makes it,
    `dtype` that of the outputs.
    """
    bias, m, p = factors
    flat = w.astype(np.int64)
    folded = bias.astype(np.int64) - zero * flat.sum(axis=1)
    bounds = [int(b) for b in np.abs(flat).sum(axis=1) * 255 + np.abs(folded)]
    if max(bounds) > INT32:
        raise RangeError(name, max(bounds), INT32, "the bound is 255 * sum|w| + |bias|: cut the channels")
    prove(name, bounds, p)
    return row_words(dtype, folded.astype(np.int32), m, p, zp, clamp, bounds)


def _apart(conv: Conv2d) -> bool:
    """Whether y has a region of its own: x is still needed, or zeros wait behind the channels."""
    return conv.apart or conv.arriving or (len(conv.chunks) == 1 and len(conv.groups) > 1) or conv.spare


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
    """Packed or expanded weights, and patches, by (chunk, group)."""
    cut = {
        (i, j): w[(slice(*group), *chunk)].reshape(group[1] - group[0], -1)
        for i, chunk in enumerate(conv.chunks)
        for j, group in enumerate(conv.groups)
    }
    if conv.expanded:
        return {at: pack_a(a.astype(np.int16)) for at, a in cut.items()}, dict.fromkeys(
            cut, np.zeros(0, np.uint32)
        )
    return {at: pack(a) for at, a in cut.items()}, {at: patches(a) for at, a in cut.items()}


def _actions(conv, x, zero, weights, fixes, rows, dtype, clamp) -> Iterator[Fetch | Step | Store]:
    signed = x.dtype == np.int8
    if not conv.arriving:
        yield from fetched(conv, x, 0)
    yield Fetch(
        "pad", At("pad"), np.full(max(d.stop - d.start for *_, d in conv.chunks), zero & 0xFF, np.uint8)
    )
    yield Fetch("rows", At("rows"), rows)
    y = At("y" if _apart(conv) else "x")
    if conv.spare:
        yield Fetch("spare", y, np.zeros(conv.pixels * conv.y_pitch, np.uint8))
    places, fix_places = _places(conv, weights)[0], _places(conv, fixes)[0]
    if conv.resident:
        yield Fetch("w", At("a" if conv.expanded else "w"), _joined(weights))
        if any(fix.size for fix in fixes.values()):
            yield Fetch("patches", At("patches"), _joined(fixes))
    single = len(conv.chunks) == 1
    requantize = f"requantize_s32_{'s8' if dtype == np.int8 else 'u8'}_x16"
    for i, chunk in enumerate(conv.chunks):
        pairs = pairs_of(_taps(chunk))
        first_taps = chunk[0].start == chunk[1].start == 0
        if conv.arriving and first_taps and chunk[2].start % conv.part == 0:
            block = chunk[2].start // conv.blocks[0]
            yield from fetched(conv, x[block : block + conv.part // conv.blocks[0]], block)
        yield Step("im2col_u8_outer_u8", _im2col(conv, chunk, 0x80 if signed else 0))
        for j, (first, end) in enumerate(conv.groups):
            if not conv.resident:
                yield Fetch(f"w {i, j}", At("a" if conv.expanded else "w"), weights[i, j])
                if fixes[i, j].size:
                    yield Fetch(f"patches {i, j}", At("patches"), fixes[i, j])
            if not conv.expanded:
                source = {"packed": At("w", places[i, j]), "patches": At("patches", fix_places[i, j])}
                words = {"panels": len(weights[i, j]), "pairs": pairs, "npatches": fixes[i, j].size}
                yield Step("unpack_s8_outer_u32", {**source, "a": At("a"), **words})
            c = At("c", 0 if single else 4 * first * conv.pixels)
            product = {"m": end - first, "n": conv.pixels, "pairs": pairs, "ldc": conv.pixels}
            yield Step(
                "gemm_s16_3x3_outer_u32",
                {
                    "a": At("a", places[i, j] if conv.expanded else 0),
                    "b": At("b"),
                    "c": c,
                    **product,
                    "accumulate": int(i > 0),
                },
            )
            if single:
                for piece in _requantized(conv, y, first, end, first):
                    yield Step(requantize, {**piece, **clamp})
    if not single:
        for piece in _requantized(conv, y, 0, conv.out_channels, 0):
            yield Step(requantize, {**piece, **clamp})
    yield from stored(conv, y, np.dtype(dtype))


def fetched(conv: Conv2d, x: np.ndarray, first: int) -> Iterator[Fetch]:
    """x in one piece, or its blocks from number `first` on, whole or row by row."""
    parts = {f" {block}": part for block, part in enumerate(x, first)} if conv.blocks[0] else {"": x}
    if conv.by_rows[0]:
        parts = {f"{name} row {i}": row for name, part in parts.items() for i, row in enumerate(part)}
    at = conv.x_place(first * conv.blocks[0])
    for name, part in parts.items():
        yield Fetch(f"x{name}", At("x", at), part)
        at += part.nbytes


def stored(conv: Conv2d, y: At, dtype: np.dtype) -> Iterator[Store]:
    """y in one piece, or block by block, or row by row."""
    names, shape = [f" {block}" for block in range(conv.y_shape[0])], conv.y_shape[1:]
    if not conv.blocks[1]:
        names, shape = [""], conv.y_shape
    if conv.by_rows[1]:
        names = [f"{name} row {i}" for name in names for i in range(conv.out[0])]
        shape = (1, *shape[1:])
    for i, name in enumerate(names):
        yield Store(f"y{name}", At(y.region, y.offset + i * int(np.prod(shape))), shape, dtype)


def _requantized(conv: Conv2d, y: At, first: int, end: int, base: int) -> Iterator[dict[str, int | At]]:
    """Words of the requantisations of channels first..end, whose sums begin with channel `base`: one a block of y."""
    block = conv.blocks[1] or conv.out_channels
    while first < end:
        stop = min(end, first - first % block + block)
        place = first // block * conv.pixels * conv.y_pitch + first % block
        yield {
            "c": At("c", 4 * (first - base) * conv.pixels),
            "y": At(y.region, y.offset + place),
            "rows": At("rows", 16 * first),
            "m": stop - first,
            "n": conv.pixels,
            "ldc": conv.pixels,
            "y_step": conv.y_pitch,
            "y_row": 1,
        }
        first = stop


def _im2col(conv: Conv2d, chunk: tuple[slice, slice, slice], flip: int) -> dict[str, int | At]:
    rows, columns, channels = chunk
    top, left = conv.corner[0] + rows.start, conv.corner[1] + columns.start
    (kh, kw), (sy, sx) = (rows.stop - rows.start, columns.stop - columns.start), conv.stride
    block = conv.blocks[0] or conv.channels
    count, place = channels.stop - channels.start, conv.x_place(channels.start)
    if count > block:
        return {
            "x": At("x", place),
            "pad": At("pad"),
            "b": At("b"),
            "tile": count // block | conv.tile[0] * conv.tile[1] << 16,
            "row_stride": conv.tile[0] * conv.tile[1] * block,
            "pixel_stride": block,
            "channel_stride": 1,
            "channels": block,
            "kernel": count // block | 1 << 8 | 1 << 16 | sx << 24,
            "corner": 0,
            "out": 1 | conv.pixels << 16,
            "flip": flip,
        }
    return {
        "x": At("x", place),
        "pad": At("pad"),
        "b": At("b"),
        "tile": conv.tile[0] | conv.tile[1] << 16,
        "row_stride": conv.tile[1] * conv.x_pitch,
        "pixel_stride": conv.x_pitch,
        "channel_stride": 1,
        "channels": count,
        "kernel": kh | kw << 8 | sy << 16 | sx << 24,
        "corner": (top & 0xFFFF) | (left & 0xFFFF) << 16,
        "out": conv.out[0] | conv.out[1] << 16,
        "flip": flip,
    }


def checked(conv: Conv2d, operands: Operands) -> tuple:
    x, dtype = operands["x"], np.dtype(operands.get("dtype", np.uint8)).type
    signed = isinstance(x, np.ndarray) and x.dtype == np.int8
    for i, channels in enumerate((conv.channels, conv.out_channels)):
        word(NAME, f"pitch[{i}]", conv.pitch[i] or channels, channels, INT32)
    dtype_of_x = np.int8 if signed else np.uint8
    x = array(NAME, "x", x, dtype_of_x, len(conv.x_shape), dict(enumerate(conv.x_shape)))
    word(NAME, "zero", operands["zero"], *limits(x.dtype))
    size = (conv.out_channels, *conv.kernel, conv.channels)
    w = array(NAME, "w", operands["w"], np.int8, 4, dict(enumerate(size)))
    bias, m, p = (
        array(NAME, n, operands[n], np.int32, 1, {0: conv.out_channels}) for n in ("bias", "m", "p")
    )
    return x, w, bias, m, p, dtype, clamp_of(NAME, operands, dtype)


def twin(conv: Conv2d, operands: Operands) -> np.ndarray:
    """y [OH,OW,M] = clamp(zp + rhe((sum w (x - zero) + bias) * m * 2**(p-32))), by definition; zeros to the pitch.

    In the output's blocks where it has them.
    """
    x, w, bias, m, p, dtype, (zp, low, high) = checked(conv, operands)
    (oh, ow), (sy, sx), (top, left) = conv.out, conv.stride, conv.corner
    acc = np.zeros((oh, ow, conv.out_channels), np.int64)
    image = np.concatenate(x, axis=-1) if conv.blocks[0] else x[..., : conv.channels]
    centred = image.astype(np.int64) - operands["zero"]
    for u in range(conv.kernel[0]):
        for v in range(conv.kernel[1]):
            y, at = np.arange(oh) * sy + top + u, np.arange(ow) * sx + left + v
            inside = ((y >= 0) & (y < conv.tile[0]))[:, None] & ((at >= 0) & (at < conv.tile[1]))
            patch = centred[np.clip(y, 0, conv.tile[0] - 1)[:, None], np.clip(at, 0, conv.tile[1] - 1)]
            acc += (patch * inside[..., None]) @ w[:, u, v].astype(np.int64).T
    out = np.empty((conv.out_channels, conv.pixels), dtype)
    requantize_rows(acc.reshape(-1, conv.out_channels).T, bias, m, p, zp, low, high, out)
    if conv.blocks[1]:
        return np.stack(np.split(out.T.reshape(oh, ow, -1), conv.y_shape[0], axis=-1))
    return np.pad(out.T, ((0, 0), (0, conv.y_pitch - conv.out_channels))).reshape(oh, ow, conv.y_pitch)


def sample(conv: Conv2d, rng: np.random.Generator, signed: bool = False, extreme: bool = False) -> Operands:
    """Random operands of `conv` whose outputs spread over the whole range."""
    dtype = np.int8 if signed else np.uint8
    low, high = limits(dtype)
    size = conv.x_shape
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
