"""Recipes of bfp16 convolutions: forward, by the input, and by the weights, for a worker's part in one tile.

A tile walks its images in blocks of output rows. What arrives is int16; it is rounded to 13 bits where it lies, and
packed into outer panels: fields by im2col, weights and pixels that are summed over by `pack_s16_outer_u32`. Weights
become panels once in a tile, in the place of the fields' panels, which are made later. The int64 sums become float32
at once, or leave as they are where only a part of them is summed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

from spinntensor.kernels.bfp16_round13_outer_u32 import panel_words
from spinntensor.kernels.pack_outer import BLOCK, pairs_of
from spinntensor.plan.recipe import Call, Recipe, Transfer
from spinntensor.plan.recipes.bfp16_scale import ALONE, Scale
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up

ROUND, GEMM, RESULT = "bfp16_round13", "gemm_s16_fold_3x3_outer_u32", "convert_f32_result"
FIELDS, PIXELS, FILL = "im2col_s16_outer_u32", "pack_s16_outer_u32", "fill_s32"
SHIFT = 3
"""The shift of a tensor that uses its 16 bits: 4 only where a mantissa rounds to 4,096, which costs 1.5 cycles more."""
COUNT = 8
"""Bytes of what counts the results that became infinite."""
HALF, WORD, SUM = 2, 4, 8
"""Bytes of a mantissa, of float32, of a sum."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Tile:
    """A convolution's tile; sizes are (rows, columns).

    Parameters
    ----------
    images : that it takes.
    image : pixels of an image of x, and `out` of the rows and columns that it computes of one (by the weights: reads).
    channels, outputs : that it reads and makes; of those in memory, `held` where it takes a part.
    kernel, stride, padding : taps, steps, rows and columns of padding before an image.
    sums : whether the sums leave, because they are a part.
    scale : the magnitudes of both factors.
    width, border : columns of x in the DTCM, those of its border included, and rows of the border of an image (by the
        weights).
    wide : whether results of the tile are whole rows (by the input).
    """

    images: int
    image: Pair
    out: Pair
    channels: int
    outputs: int
    kernel: Pair
    stride: Pair
    padding: Pair
    held: Pair = (0, 0)
    sums: bool = False
    scale: Scale = ALONE
    width: int = 0
    border: int = 0
    wide: bool = True

    @property
    def macs(self) -> int:
        """Logical multiply-accumulates."""
        return self.images * prod(self.out) * prod(self.kernel) * self.channels * self.outputs

    def rows_in(self, rows: int) -> int:
        """Rows of x under so many output rows."""
        return min(self.image[0], (rows - 1) * self.stride[0] + self.kernel[0])


def _round(n: int, count: int = 1) -> Call:
    return call(ROUND, count, n=n, shift=SHIFT)


def _padded(channels: int) -> int:
    """Halfwords of a pixel: whole double words."""
    return up(HALF * channels) // HALF


def _first(t: Tile) -> tuple[Transfer, ...]:
    """What shifts and exponents are made of, and where results are made a count to begin with."""
    return (*t.scale.loads(), *(() if t.sums else (moved("counts", COUNT),)))


def _counts(t: Tile) -> tuple[Transfer, ...]:
    return () if t.sums else (moved("counts", COUNT),)


def _stored(pixels: int, outputs: int, held: int, blocks: int) -> Transfer:
    """Results of so many pixels: in one run for each block, or pixel by pixel where outputs are a part."""
    whole = not held or held == outputs
    return moved("y", up(WORD * outputs) * pixels, blocks if whole else pixels, blocks)


def forward(t: Tile, rows: int) -> Recipe:
    """`conv2d` of a tile, so many output rows at a time; weights arrive as int16 [KH,KW,C,O]."""
    k, wide = prod(t.kernel) * t.channels, _padded(t.channels)
    weights = [
        _round(k * _padded(t.outputs)),
        call(PIXELS, rows=t.outputs, columns=k, lines=1, chunk_words=0),
    ]
    narrow = not t.wide
    geometry = {"kh": t.kernel[0], "kw": t.kernel[1], "sy": t.stride[0], "sx": t.stride[1]}

    def block(r: int) -> tuple[int, tuple[Call, ...]]:
        height, width = t.rows_in(r), (t.out[1] - 1) * t.stride[1] + t.kernel[1] if narrow else t.image[1]
        fields = call(
            FIELDS, c=t.channels, oh=r, ow=t.out[1], top=0, left=t.padding[1], chunk_words=1,
            height=height, width=width, **geometry,
        )  # fmt: skip
        product = call(GEMM, m=r * t.out[1], n=t.outputs, k=k, accumulate=0)
        return height * width * wide, (_round(height * width * wide), fields, product)

    weights_in = moved("w", HALF * k * _padded(t.outputs), k if t.held[1] not in (0, t.outputs) else 1)
    held = (k, 4 * panel_words(t.outputs, k, "b"), weights_in)
    made = _walked("bfp16 conv", t, rows, block, weights, held, rows * t.out[1])
    if not narrow:
        return made
    lines = {
        "x": t.images * sum(n * t.rows_in(r) for r, n in spans(t.out[0], rows)),
        "y": t.images * t.out[0],
    }
    return replace(made, loads=_by_lines(made.loads, lines), stores=_by_lines(made.stores, lines))


def _by_lines(transfers: tuple[Transfer, ...], lines: dict[str, int]) -> tuple[Transfer, ...]:
    """Transfers of a part of the columns: a row of pixels is a piece of its own."""
    return tuple(replace(t, pieces=max(t.pieces, lines.get(t.operand, 0))) for t in transfers)


Block = Callable[[int], tuple[int, tuple[Call, ...]]]
"""Of so many output rows: the elements of x under them, and the calls up to the sums."""


def _walked(
    name: str, t: Tile, rows: int, block: Block, weights: list[Call], held: tuple[int, int, Transfer], m: int
) -> Recipe:
    """A tile in blocks.

    held : k of the fields, bytes of the panels of weights, and how the weights arrive.
    """
    k, panels, arriving = held
    parts = [(r, n * t.images) for r, n in spans(t.out[0], rows)]
    blocks = sum(n for _, n in parts)
    elements = sum(block(r)[0] * n for r, n in parts)
    zeros = HALF * max(t.channels, 4)
    sizes = (
        ("x", HALF * block(parts[0][0])[0], 2),
        ("b", panels, 1),
        ("a", max(4 * panel_words(m, k, "a"), arriving.nbytes), 1),
        ("c", SUM * m * t.outputs, 1),
        ("y", m * up(WORD * t.outputs), 2),
        ("zeros", zeros, 1),
        *t.scale.regions(m, t.outputs),
        ("counts", COUNT, 2),
    )

    def calls() -> Iterator[Call]:
        yield from t.scale.calls(m, t.outputs)
        yield from weights
        for r, n in parts:
            for c in block(r)[1]:
                yield Call(c.kernel, c.shape, c.count * n)
            yield call(RESULT, n, m=r * t.out[1], n=t.outputs)

    loads = (
        *_first(t),
        arriving,
        moved("x", HALF * elements, blocks, blocks),
        moved("zeros", zeros),
    )
    stores = (_stored(t.images * prod(t.out), t.outputs, t.held[1], blocks), *_counts(t))
    return Recipe(name, regions(sizes), gathered(calls()), loads, stores, t.macs, 0, (("rows", rows),))


def classes(kernel: Pair, stride: Pair) -> tuple[Pair, ...]:
    """Taps that reach each of the stride x stride classes of an image's pixels; a class that none reaches has 0."""
    (kh, kw), (sy, sx) = kernel, stride
    return tuple(((kh - a + sy - 1) // sy, (kw - b + sx - 1) // sx) for a in range(sy) for b in range(sx))


def reach(taps: int, step: int, before: int) -> int:
    """Rows of the cotangent under one row of each class; `before` rows of padding."""
    last = [(a + before) // step for a in range(step)]
    first = [at - len(range((a + before) % step, taps, step)) + 1 for a, at in enumerate(last)]
    return max(last) - min(first) + 1


def by_input(t: Tile, rows: int) -> Recipe:
    """`conv2d_input` of a tile, so many rows of the cotangent at a time.

    `t` names the cotangent as x, with `channels` of it, and `outputs` those of the image; `out` are the rows of the
    cotangent, and its columns. Each class of pixels is a convolution of stride 1 with its own taps, whose results are
    put between those of the others. Weights arrive as int16 [KH,KW,C,O] and are packed as an image of C pixels.
    """
    wide, steps = _padded(t.channels), prod(t.stride)
    taps = [c for c in classes(t.kernel, t.stride) if prod(c)]
    weights = [_round(prod(t.kernel) * wide * t.outputs)]
    for kh, kw in taps:
        weights.append(
            call(
                FIELDS, kh=kh, kw=kw, c=t.channels, oh=1, ow=t.outputs, dy=-t.stride[0], dx=-t.stride[1] * t.outputs,
                height=t.kernel[0], width=t.kernel[1] * t.outputs, chunk_words=0, top=0, left=0,
            )
        )  # fmt: skip
    high = reach(t.kernel[0], t.stride[0], t.padding[0])

    def block(r: int) -> tuple[int, tuple[Call, ...]]:
        height, width = min(t.image[0], r + high - 1), t.image[1]
        made = [_round(height * width * wide)]
        for kh, kw in taps:
            made.append(
                call(
                    FIELDS, kh=kh, kw=kw, c=t.channels, oh=r, ow=t.out[1], height=height, width=width, top=0,
                    left=kw // 2, chunk_words=1,
                )
            )  # fmt: skip
            made.append(call(GEMM, m=r * t.out[1], n=t.outputs, k=kh * kw * t.channels, accumulate=0))
        return height * width * wide, tuple(made)

    most = max((kh * kw for kh, kw in taps), default=1) * t.channels
    panels = sum(4 * panel_words(t.outputs, kh * kw * t.channels, "b") for kh, kw in taps)
    part = t.held[1] not in (0, t.outputs)
    arriving = moved("w", HALF * prod(t.kernel) * wide * t.outputs, prod(t.kernel) if part else 1)
    made = _walked("bfp16 conv by input", t, rows, block, weights, (most, panels, arriving), rows * t.out[1])
    if steps == 1 and t.wide:
        return made
    return _interleaved(made, t, rows, len(taps))


def _interleaved(made: Recipe, t: Tile, rows: int, reached: int) -> Recipe:
    """Results of all classes side by side: `stride` times as many rows and columns, those of no class zero."""
    steps, (sy, sx) = prod(t.stride), t.stride
    parts = [(r, n * t.images) for r, n in spans(t.out[0], rows)]
    lines = t.images * t.out[0] * sy
    row = up(WORD * t.outputs) * t.out[1] * sx
    calls = [Call(c.kernel, c.shape, c.count * reached) if c.kernel == RESULT else c for c in made.calls]
    if reached < steps:
        calls += [call(FILL, n, rows=1, words=r * sy * row // WORD) for r, n in parts]
    found = tuple(replace(r, nbytes=up(rows * sy * row)) if r.name == "y" else r for r in made.regions)
    whole = t.held[1] in (0, t.outputs)
    store = moved("y", lines * row, lines * (1 if whole else t.out[1] * sx), made.stores[0].parts)
    return replace(made, regions=found, calls=gathered(calls), stores=(store, *made.stores[1:]))


def by_weight(t: Tile, rows: int) -> Recipe:
    """`conv2d_weight` of a tile: `channels` under `kernel` taps by `outputs`, summed over all pixels of `images`.

    Channels under the taps of a kernel row lie side by side in memory, and are the rows of one call where all of them
    are taken; else each tap has its own. The border of x stays zero in the DTCM. All channels of a pixel arrive.
    """
    (kh, kw), sy = t.kernel, t.stride[0]
    channels, outputs = (h or own for h, own in zip(t.held, (t.channels, t.outputs), strict=True))
    wide, deep = _padded(channels), _padded(outputs)
    joined = channels == t.channels == wide
    groups = [(kw * t.channels, kh)] if joined else [(t.channels, kh * kw)]
    m = prod(t.kernel) * t.channels
    width, inside = t.width or t.image[1] + 2 * t.padding[1], t.image[1]
    parts = [(r, n * t.images) for r, n in spans(t.out[0], rows)]
    blocks = sum(n for _, n in parts)

    def height(r: int) -> int:
        return (r - 1) * sy + kh

    def calls() -> Iterator[Call]:
        yield from t.scale.calls(m, t.outputs, not t.sums)
        if width > inside:
            yield call(FILL, min(2, blocks), rows=1, words=height(parts[0][0]) * width * wide // 2)
        first = 1
        for r, n in parts:
            yield _round(height(r) * width * wide, n)
            yield call(PIXELS, n, rows=t.outputs, columns=t.out[1], lines=r, chunk_words=0)
            yield _round(pairs_of(r * t.out[1]) * HALF * BLOCK * -(-t.outputs // BLOCK), n)
            for size, count in groups:
                yield call(PIXELS, n * count, rows=size, columns=t.out[1], lines=r, chunk_words=1)
                shape = {"m": size, "n": t.outputs, "k": r * t.out[1]}
                yield call(GEMM, count * first, accumulate=0, **shape)
                yield call(GEMM, count * (n - first), accumulate=1, **shape)
            first = 0
        if not t.sums:
            yield call(RESULT, m=m, n=t.outputs)

    r = parts[0][0]
    k = r * t.out[1]
    result = 0 if t.sums else m * up(WORD * t.outputs)
    sizes = (
        ("x", HALF * height(r) * width * wide, 2),
        ("c", HALF * k * deep, 2),
        ("b", 4 * panel_words(t.outputs, k, "b"), 1),
        ("a", max(4 * max(panel_words(size, k, "a") for size, _ in groups), result), 1),
        ("sums", SUM * m * t.outputs, 1),
        *t.scale.regions(m, t.outputs, not t.sums),
        ("counts", 0 if t.sums else COUNT, 2),
    )
    lines = sum(min(height(r), t.image[0]) * n for r, n in parts)
    beside = HALF * t.images * t.border * width * wide
    cut = prod(t.kernel) * (1 if t.outputs == outputs else t.channels)
    loads = (
        *_first(t),
        moved("x", HALF * lines * inside * wide, lines if width > inside else blocks, blocks),
        *((moved("border", beside, 2 * blocks),) if beside else ()),
        moved("c", HALF * t.images * prod(t.out) * deep, blocks, blocks),
    )
    if t.sums:
        stores: tuple[Transfer, ...] = (moved("y", SUM * m * t.outputs),)
    else:
        stores = (moved("y", m * up(WORD * t.outputs), cut), *_counts(t))
    return Recipe(
        "bfp16 conv by weights",
        regions(sizes),
        gathered(calls()),
        loads,
        stores,
        t.macs,
        0,
        (("rows", rows),),
    )


KINDS = {"conv2d": forward, "conv2d_input": by_input, "conv2d_weight": by_weight}


@lru_cache(1 << 14)
def fitting(kind: str, t: Tile, room: int = ROOM) -> tuple[Recipe, ...]:
    """The recipes of a tile that fit `room`, by the rows of a block."""
    rows = dict.fromkeys(-(-t.out[0] // n) for n in range(1, t.out[0] + 1))
    found = []
    for r in sorted(rows):
        recipe = KINDS[kind](t, r)
        if recipe.dtcm_bytes > room:
            break
        found.append(recipe)
    return tuple(found)
