"""Recipes of float32 convolutions by the kernels of the float32 product, forward, by the input and by the weights.

The conversion kernels read rows of any stride. So the tile lies in the DTCM with a border of zeros, its pixels are the
rows of A, and the taps of one kernel row are a chunk of k: every kernel row is read twice, for the exponents of whole
fields and for the mantissas. The weights are the columns of B. The int64 sums of all outputs wait in the DTCM.

Pixels of an odd number of channels are padded to double words in the SDRAM; such a tile is put together from its
pixels in a place of its own.

By the weights, the rows of A are the channels under each tap, k are the pixels of an output row, and the columns of B
are the output channels of the cotangent. Sums longer than 8,192 are cut there, at multiples of the logical index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from spinntensor.errors import OperandError
from spinntensor.kernels.block_float import PIECE
from spinntensor.plan.recipe import STREAM, Call, Recipe, Transfer
from spinntensor.plan.recipes.gemm_float import WORD, pareto
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up
from spinntensor.plan.recipes.windows import Adjoint, Conv, Pair

PANEL = 2
"""Rows of A, and columns of B, of a panel."""
TOP, FIX, GEMM, RESULT = "convert_f32_top", "convert_f32_panel", "gemm_f32_2x2_u64", "convert_f32_result"


def _even(size: int) -> int:
    return size + size % PANEL


def conv(c: Conv, group: int = 16, resident: bool = False, held: int = 0, wide: bool = True) -> Recipe:
    """A convolution tile, float32 [OH,OW,O] row by row; an odd output row ends in a pixel that is not stored.

    Weights arrive as float32 [KH,KW,C,O], `group` output channels at a time (the rows of a chunk, twice: for exponents
    and mantissas), or stay `resident`. OperandError for sums beyond 8,192: cut the channels there.

    held : output channels in memory, where the tile takes a part of them; 0 where it takes all.
    wide : whether its output rows are whole.
    """
    k, m, n, depth = c.chunk * c.chunks, c.columns(PANEL), c.out_channels, c.chunk
    if k > PIECE:
        raise OperandError(
            "float32 conv", "k", f"{k:,}", f"at most {PIECE:,}", "cut the channels into pieces"
        )
    group, whole = min(group, n), held in (0, n)
    rows, columns = c.tile
    tile, packed = WORD * rows * columns * c.channels, c.channels % PANEL > 0
    pixel, result = up(WORD * c.channels), up(WORD * n)
    sizes = (
        ("x", rows * columns * pixel, 2),
        ("tile", tile if packed else 0, 1),
        ("w", k * result if resident else depth * up(WORD * group), 1 if resident else 2),
        ("a", WORD * m * depth, 1),
        ("b", WORD * _even(group) * depth, 1),
        ("sums", 8 * m * n, 1),
        ("y", m * result, 2),
        ("tops", WORD * (m + n), 1),
        ("exponents", WORD * (m + n), 1),
        ("counts", 16, 2),
    )

    def calls() -> Iterator[Call]:
        if packed:
            yield from _packed(c)
        for kernel in (TOP, FIX):
            yield call(kernel, c.chunks * c.out[0], rows=c.out[1], k=depth)
            for r, count in spans(n, group):
                yield call(kernel, c.chunks * count, rows=r, k=depth)
        for r, count in spans(n, group):
            yield call(GEMM, count, m=m, n=r, k=depth, accumulate=0)
            yield call(GEMM, (c.chunks - 1) * count, m=m, n=r, k=depth, accumulate=1)
        yield call(RESULT, m=m, n=n)

    loads = (
        moved("x", rows * columns * pixel, rows),
        *(() if packed else (moved("border", pixel * c.border, rows + 1),)),
        _weights(c, group, resident, whole),
        moved("counts", 16),
    )
    lines = c.out[0] if c.pixels < m or not wide else 1
    stores = (moved("y", c.pixels * result, lines if whole else c.pixels), moved("counts", 8))
    detail = (("group", group), ("resident", int(resident)), ("chunk", depth))
    name = f"float32 conv {c.kernel[0]}x{c.kernel[1]} by rows"
    return Recipe(name, regions(sizes), gathered(calls()), loads, stores, c.macs, 0, detail)


def _packed(c: Conv) -> Iterator[Call]:
    """Pixels of an odd number of channels side by side, between zeros."""
    rows, columns = c.tile
    yield call("fill_s32", rows=1, words=rows * columns * c.channels)
    yield call("copy_s32", words=c.channels, rows=columns, planes=rows)


def _weights(c: Conv, group: int, resident: bool, whole: bool) -> Transfer:
    """Weights that arrive once, or chunk by chunk and group by group, twice."""
    k, n = c.chunk * c.chunks, c.out_channels
    if resident:
        return moved("w", k * up(WORD * n), 1 if whole else k)
    found = spans(n, group)
    each = 1 if whole and group >= n else c.chunk
    nbytes = 2 * k * sum(count * up(WORD * r) for r, count in found)
    return moved(STREAM, nbytes, 2 * c.chunks * sum(count for _, count in found) * each)


def by_input(t: Adjoint, group: int = 16, resident: bool = False, held: int = 0, wide: bool = True) -> Recipe:
    """A tile of the adjoint by the input, float32 [H,W,C]: each class of pixels is a convolution of the cotangent.

    A tap is a chunk of k. Weights [KH,KW,C,O] arrive by their rows, as in `conv`: twice, because columns have the
    exponents of all taps. Results of all classes are put between each other; what no tap reaches is filled with zeros.
    """
    (kh, kw), k, n = t.kernel, t.channels, t.outputs
    if kh * kw * k > PIECE:
        raise OperandError(
            "float32 conv", "k", f"{kh * kw * k:,}", f"at most {PIECE:,}", "cut the channels into pieces"
        )
    group, whole = min(group, n), held in (0, n)
    (rows, columns), (sy, sx) = t.tile, t.stride
    steps = -(-t.size[0] // sy), -(-t.size[1] // sx)
    pixel, result = up(WORD * k), up(WORD * n)
    m = max((count[0] * _even(count[1]) for _, count in t.classes), default=1)
    sizes = (
        ("x", rows * columns * pixel, 2),
        ("w", kh * kw * n * pixel if resident else group * pixel, 1 if resident else 2),
        ("a", WORD * m * k, 1),
        ("b", WORD * _even(group) * k, 1),
        ("sums", 8 * m * n, 1),
        ("y", sy * steps[0] * sx * _even(steps[1]) * result, 2),
        ("tops", WORD * (m + n), 1),
        ("exponents", WORD * (m + n), 1),
        ("counts", 16, 2),
    )

    def calls() -> Iterator[Call]:
        for r, times in spans(n, group):
            yield call(TOP, kh * kw * times, rows=r, k=k)
        if len(t.classes) < sy * sx:
            yield call("fill_s32", rows=1, words=sy * steps[0] * sx * _even(steps[1]) * result // WORD)
        for one, count in t.classes:
            taps, here = one.taps[0] * one.taps[1], count[0] * _even(count[1])
            for kernel in (TOP, FIX):
                yield call(kernel, taps * count[0], rows=count[1], k=k)
            for r, times in spans(n, group):
                yield call(FIX, taps * times, rows=r, k=k)
                yield call(GEMM, times, m=here, n=r, k=k, accumulate=0)
                yield call(GEMM, (taps - 1) * times, m=here, n=r, k=k, accumulate=1)
            if _even(count[1]) == _even(steps[1]):
                yield call(RESULT, m=here, n=n)
            else:
                yield call(RESULT, count[0], m=_even(count[1]), n=n)

    if resident:
        weights = moved("w", kh * kw * n * pixel, 1 if whole else kh * kw)
    else:
        weights = moved(STREAM, 2 * kh * kw * n * pixel, 2 * kh * kw * sum(c for _, c in spans(n, group)))
    border = rows * columns - max(0, rows - kh + 1) * max(0, columns - kw + 1)
    loads = (
        moved("x", rows * columns * pixel, rows),
        moved("border", border * pixel, rows + 1),
        weights,
        moved("counts", 16),
    )
    lines = t.size[0] * (1 if whole else t.size[1])
    alone = wide and whole and t.stride == (1, 1) and t.size[1] % PANEL == 0
    stores = (moved("y", t.size[0] * t.size[1] * result, 1 if alone else lines), moved("counts", 8))
    detail = (("group", group), ("resident", int(resident)))
    name = f"float32 conv {kh}x{kw} by input"
    return Recipe(name, regions(sizes), gathered(calls()), loads, stores, t.macs, 0, detail)


@dataclass(frozen=True)
class Weight:
    """A tile of the adjoint by the weights: `kernel` taps and `channels` by `outputs`, summed over whole images.

    Parameters
    ----------
    images : that it sums over.
    image, out : pixels of an image of x, and of the cotangent.
    held : channels of both in memory, all of which arrive.
    width : columns of a row of x in the DTCM, border included.
    border : rows of the border of an image.
    part : whether results leave as a part of longer sums, without padding.
    """

    images: int
    image: Pair
    out: Pair
    kernel: Pair
    stride: Pair
    channels: int
    outputs: int
    held: Pair
    width: int
    border: int
    part: bool = False

    @property
    def lines(self) -> int:
        """Rows of the cotangents."""
        return self.images * self.out[0]

    @property
    def macs(self) -> int:
        """Logical multiply-accumulates."""
        taps = self.kernel[0] * self.kernel[1]
        return self.lines * self.out[1] * taps * self.channels * self.outputs


@lru_cache(1 << 12)
def weight(t: Weight) -> Recipe:
    """The adjoint by the weights, float32 [KH*KW*C, O], or one piece of 8,192 pixels of it.

    Rows of x and of the cotangent arrive one after the other, twice, for exponents and mantissas; an odd number of
    channels is padded. A call over A takes the channels under one tap. OperandError for too many pixels.
    """
    k, depth = t.lines * t.out[1], t.out[1]
    if k > PIECE:
        raise OperandError("float32 conv", "pixels", f"{k:,}", f"at most {PIECE:,}", "cut them into pieces")
    (kh, kw), n = t.kernel, t.outputs
    taps = kh * kw
    m, row, cotangent = taps * t.channels, t.width * up(WORD * t.held[0]), depth * up(WORD * t.held[1])
    result = WORD * n if t.part else up(WORD * n)
    bordered = t.width > t.image[1]
    sizes = (
        ("x", kh * row, 2),
        ("c", cotangent, 2),
        ("a", WORD * taps * _even(t.channels) * depth, 1),
        ("b", WORD * _even(n) * depth, 1),
        ("sums", 8 * m * n, 1),
        ("y", m * result, 2),
        ("tops", WORD * (m + n), 1),
        ("exponents", WORD * (m + n), 1),
        ("counts", 16, 2),
    )

    def calls() -> Iterator[Call]:
        if bordered:
            yield call("fill_s32", 2, rows=1, words=kh * row // WORD)
        for kernel in (TOP, FIX):
            yield call(kernel, t.lines * taps, rows=t.channels, k=depth)
            yield call(kernel, t.lines, rows=n, k=depth)
        size, count = (m, 1) if t.channels % PANEL == 0 else (t.channels, taps)
        yield call(GEMM, count, m=size, n=n, k=depth, accumulate=0)
        yield call(GEMM, (t.lines - 1) * count, m=size, n=n, k=depth, accumulate=1)
        yield call(RESULT, m=m, n=n)

    passes = 2 * t.lines
    inside = t.image[1] * up(WORD * t.held[0])
    outside = 2 * t.images * t.border * kh
    loads = (
        moved("x", passes * kh * inside, passes * (kh if bordered else 1), passes),
        *((moved("border", outside * row, min(outside, 2 * passes)),) if t.border else ()),
        moved("c", passes * cotangent, passes, passes),
        moved("counts", 16),
    )
    pieces = 1 if t.part else taps * (1 if n == t.held[1] else t.channels)
    stores = (moved("y", m * result, pieces), moved("counts", 8))
    name = f"float32 conv {kh}x{kw} by weights"
    return Recipe(name, regions(sizes), gathered(calls()), loads, stores, t.macs)


@lru_cache(4096)
def best(c: Conv, room: int = ROOM, held: int = 0, wide: bool = True) -> tuple[Recipe, ...]:
    """The recipes of a forward tile that fit `room`, none worse than another in effort and loaded bytes; `held` and
    `wide` as for `conv`.

    DTCMError, with the regions of the smallest one, when none fits.
    """
    every = [conv(c, g, r, held, wide) for g, r in _choices(c.out_channels)]
    every += [conv(replace(c, part=part), c.out_channels, False, held, wide) for part in _parts(c)]
    return _fitting(every, room)


def _parts(c: Conv) -> Iterator[int]:
    """Smaller chunks, with which all output channels of a few rows of the weights arrive at a time, side by side."""
    for parts in (c.kernel[1], *(c.kernel[1] * n for n in (2, 4, 8))):
        if parts > 1 and c.chunk % (PANEL * parts) == 0:
            yield c.chunk // parts


@lru_cache(4096)
def best_by_input(t: Adjoint, room: int = ROOM, held: int = 0, wide: bool = True) -> tuple[Recipe, ...]:
    """The same of a tile of the adjoint by the input."""
    return _fitting([by_input(t, g, r, held, wide) for g, r in _choices(t.outputs)], room)


def _choices(outputs: int) -> Iterator[tuple[int, bool]]:
    """Channels that arrive at a time, and whether all weights stay."""
    groups = dict.fromkeys(min(g, outputs) for g in (2, 4, 8, 16, 32, 64, outputs))
    return product(groups, (False, True))


def _fitting(every: list[Recipe], room: int) -> tuple[Recipe, ...]:
    smallest = min(every, key=lambda r: r.dtcm_bytes)
    return pareto("float32 conv", [r for r in every if r.dtcm_bytes <= room], smallest, room)
