"""Recipes of float32 convolutions by the kernels of the float32 product, forward, by the input and by the weights.

The conversion kernels read rows of any stride. So the tile lies in the DTCM with a border of zeros, its pixels are the
rows of A, and the taps of one kernel row are a chunk of k: every kernel row is read twice, for the exponents of whole
fields and for the mantissas. The weights are the columns of B. The int64 sums of all outputs wait in the DTCM.

By the weights, the rows of A are the channels under each tap, k are the pixels of an output row, and the columns of B
are the output channels of the cotangent. Sums longer than 8,192 are cut there, at multiples of the logical index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from spinntensor.errors import OperandError
from spinntensor.kernels.block_float import PIECE
from spinntensor.plan.recipe import Call, Recipe, Region, Transfer
from spinntensor.plan.recipes.gemm_float import pareto
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up
from spinntensor.plan.recipes.windows import Conv

PANEL = 2
"""Rows of A, and columns of B, of a panel."""
TOP, FIX, GEMM, RESULT = "convert_f32_top", "convert_f32_panel", "gemm_f32_2x2_u64", "convert_f32_result"


def _even(size: int) -> int:
    return size + size % PANEL


def conv(c: Conv, group: int = 16, resident: bool = False) -> Recipe:
    """A convolution tile, float32 [OH,OW,O] row by row; an odd output row ends in a pixel that is not stored.

    Weights arrive as float32 [KH,KW,C,O], `group` output channels at a time (the rows of a chunk, twice: for exponents
    and mantissas), or stay `resident`. OperandError for sums beyond 8,192: cut the channels there.
    """
    k, m, n, depth = c.chunk * c.chunks, c.columns(PANEL), c.out_channels, c.chunk
    if k > PIECE:
        raise OperandError(
            "float32 conv", "k", f"{k:,}", f"at most {PIECE:,}", "cut the channels into pieces"
        )
    group = min(group, n)
    tile, weights = 4 * c.tile[0] * c.tile[1] * c.channels, 4 * k * n
    sizes = (
        ("x", tile, 2),
        ("w", weights if resident else 4 * depth * group, 1 if resident else 2),
        ("a", 4 * m * depth, 1),
        ("b", 4 * _even(group) * depth, 1),
        ("sums", 8 * m * n, 1),
        ("y", 4 * m * n, 2),
        ("tops", 4 * (m + n), 1),
        ("exponents", 4 * (m + n), 1),
        ("counts", 16, 2),
    )
    wide = c.out[0]  # calls over A: one for each output row

    def calls() -> Iterator[Call]:
        for kernel in (TOP, FIX):
            yield call(kernel, c.chunks * wide, rows=_even(c.out[1]) if kernel == FIX else c.out[1], k=depth)
            for r, count in spans(n, group):
                yield call(kernel, c.chunks * count, rows=r, k=depth)
        for r, count in spans(n, group):
            yield call(GEMM, count, m=m, n=r, k=depth, accumulate=0)
            yield call(GEMM, (c.chunks - 1) * count, m=m, n=r, k=depth, accumulate=1)
        yield call(RESULT, m=m, n=n)

    groups = sum(count for _, count in spans(n, group))
    inside = c.tile[0] * (c.channels // c.block if c.block else 1)
    pieces = 1 if resident else 2 * c.chunks * groups * (1 if groups == 1 else depth)
    loads = (
        moved("x", tile, inside),
        moved("zeros", 4 * c.border * c.channels, c.tile[0] + 1),
        moved("w", weights * (1 if resident else 2), pieces),
        moved("counts", 16),
    )
    stores = (moved("y", 4 * c.pixels * n, 1 if c.pixels == m else c.out[0]), moved("counts", 8))
    detail = (("group", group), ("resident", int(resident)))
    name = f"float32 conv {c.kernel[0]}x{c.kernel[1]} by rows"
    return Recipe(name, regions(sizes), gathered(calls()), loads, stores, c.macs, 0, detail)


def weight(c: Conv, images: int = 1) -> Recipe:
    """The adjoint by the weights of `images` tiles: float32 [KH*KW*C, O], or one piece of 8,192 of it.

    `c` is the forward tile: its input with the border, and a cotangent of `c.out` pixels for each image; all arrive
    twice, for exponents and mantissas. A call over A takes the channels under one tap. OperandError for too many
    pixels.
    """
    k, depth = images * c.pixels, c.out[1]
    if k > PIECE:
        raise OperandError("float32 conv", "pixels", f"{k:,}", f"at most {PIECE:,}", "cut them into pieces")
    taps = c.kernel[0] * c.kernel[1]
    m, n, lines = taps * c.channels, c.out_channels, images * c.out[0]
    tile, cotangent = 4 * c.tile[0] * c.tile[1] * c.channels, 4 * c.pixels * n
    sizes = (
        ("x", tile, 2),
        ("c", cotangent, 2),
        ("a", 4 * taps * _even(c.channels) * depth, 1),
        ("b", 4 * _even(n) * depth, 1),
        ("sums", 8 * m * n, 1),
        ("y", 4 * m * n, 2),
        ("tops", 4 * (m + n), 1),
        ("exponents", 4 * (m + n), 1),
        ("counts", 16, 2),
    )

    def calls() -> Iterator[Call]:
        for kernel in (TOP, FIX):
            yield call(kernel, lines * taps, rows=c.channels, k=depth)
            yield call(kernel, lines, rows=n, k=depth)
        yield call(GEMM, m=m, n=n, k=depth, accumulate=0)
        yield call(GEMM, lines - 1, m=m, n=n, k=depth, accumulate=1)
        yield call(RESULT, m=m, n=n)

    inside = c.tile[0] * (c.channels // c.block if c.block else 1)
    loads = (
        moved("x", 2 * images * tile, 2 * images * inside),
        moved("zeros", 4 * c.border * c.channels, c.tile[0] + 1),
        moved("c", 2 * images * cotangent, 2 * images),
        moved("counts", 16),
    )
    stores = (moved("y", 4 * m * n), moved("counts", 8))
    name = f"float32 conv {c.kernel[0]}x{c.kernel[1]} by weights"
    return Recipe(
        name, regions(sizes), gathered(calls()), loads, stores, images * c.macs, 0, (("images", images),)
    )


@lru_cache(1 << 12)
def weight_by_rows(c: Conv, images: int = 1, held: tuple[int, int] = (0, 0)) -> Recipe:
    """As `weight`, but x and the cotangent arrive row by row, for large images.

    held : channels of both in memory, all of which arrive, where the tile takes a part.
    """
    made = weight(c, images)
    rows, lines = c.kernel[0], images * c.out[0]
    channels, outputs = held[0] or c.channels, held[1] or c.out_channels
    sizes = {"x": 4 * rows * c.tile[1] * channels, "c": 4 * c.out[1] * outputs}
    found = tuple(Region(r.name, up(sizes.get(r.name, r.nbytes)), r.places) for r in made.regions)

    def cut(t: Transfer) -> Transfer:
        if t.operand not in sizes:
            return t
        pieces = 2 * lines * (rows if t.operand == "x" else 1)
        return moved(t.operand, 2 * lines * sizes[t.operand], pieces, 2 * lines)

    return replace(made, regions=found, loads=tuple(map(cut, made.loads)))


@lru_cache(4096)
def best(c: Conv, room: int = ROOM) -> tuple[Recipe, ...]:
    """The recipes of a forward tile that fit `room`, none worse than another in cycles and loaded bytes.

    DTCMError, with the regions of the smallest one, when none fits.
    """
    groups = dict.fromkeys(min(g, c.out_channels) for g in (2, 4, 8, 16, 32, 64, c.out_channels))
    every = [conv(c, g, resident) for g in groups for resident in (False, True)]
    smallest = min(every, key=lambda r: r.dtcm_bytes)
    return pareto("float32 conv", [r for r in every if r.dtcm_bytes <= room], smallest, room)
