"""Recipes of bfp16 products: operands rounded to 13 bits and packed in the DTCM, folded products, one rounding.

Weights arrive as panels of 13-bit mantissas that a stage of their own made, or as int16 rows. Results are int16
mantissas, float32, or the int64 sums themselves where K is split.

Convolutions need no patches: the tile lies in the DTCM with a border of zeros, and the taps of one kernel row are
neighbours, so the pixels of an output row are the rows of A, with the pitch of a pixel. Each kernel row is a chunk of
k of its own, and output rows end in whole panels: sums behind the last pixel are made, but no results of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from spinntensor.errors import OperandError
from spinntensor.kernels.bfp16_round13_outer_u32 import MAX_SHIFT, panel_words
from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pairs_of
from spinntensor.plan.recipe import Call, Recipe, Transfer
from spinntensor.plan.recipes.gemm_float import pareto
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up
from spinntensor.plan.recipes.windows import Conv

PACK, GEMM, NARROW, TO_FLOAT = (
    "bfp16_round13_outer_u32",
    "gemm_s16_fold_3x3_outer_u32",
    "bfp16_narrow_s64",
    "convert_f32_result",
)
ROUND = "bfp16_scal"
"""Rounds mantissas to 13 bits once, by a factor 1 and the shift, for operands that are packed several times."""
SHIFT = 3
"""The shift of a tensor that uses its 16 bits: 4 only where a mantissa rounds to 4,096, which costs 9 cycles a pair."""
RESULTS = {"bfp16": 2, "float32": 4, "sums": 8}
"""Bytes of a result by what it is."""


def matmul(
    m: int,
    n: int,
    k: int,
    group: int = 2,
    prepared: bool = True,
    result: str = "bfp16",
    shift: int = MAX_SHIFT,
) -> Recipe:
    """A tile as `bfp16_tile.Bfp16Tile(m, n, k, group, prepared)` builds it, where the result is bfp16.

    `result` is a key of `RESULTS`; other results have a place of their own, row-major [M, N]. Weights arrive a group
    at a time, and their places are double; so are those of the activations and of what is stored.
    """
    pairs, rows, width = pairs_of(k), min(BLOCK * group, m), _width(result)
    parts = spans(m, BLOCK * group)
    groups = sum(count for _, count in parts)
    panel = 4 * -(-rows // BLOCK) * (BLOCK * pairs + chunks_of(pairs))
    x, y = 4 * pairs * n, width * m * n

    def rows_bytes(r: int) -> int:
        return 4 * (panel_words(r, k, "a") if prepared else pairs * r)

    narrow = result == "bfp16"
    sums = up(8 * rows * n)
    sizes = (
        ("x", max(x, y) if narrow else x, 2),
        ("b", 4 * panel_words(n, k, "b"), 1),
        ("rows", 0 if prepared else 4 * pairs * rows, 2),
        ("a", panel, 2 if prepared else 1),
        ("c", sums, 2 if result == "sums" else 1),
        ("y", 4 * rows * n if result == "float32" else 0, 2),
        ("exponents", 4 * (m + n) if result == "float32" else 0, 1),
        ("shifts", 4 * m if narrow else 0, 1),
        ("saturated", 4 * groups if result != "sums" else 0, 2),
    )

    def calls() -> Iterator[Call]:
        yield call(PACK, r=n, k=k, shift=shift, chunk_words=0)
        for r, count in parts:
            if not prepared:
                yield call(PACK, count, r=r, k=k, shift=shift, chunk_words=1)
            yield call(GEMM, count, m=r, n=n, k=k, accumulate=0)
            yield from _results(result, r, n, count)

    loads = (
        moved("x", 4 * pairs * n, 1),
        Transfer("w", sum(count * up(rows_bytes(r)) for r, count in parts), groups),
        *(() if result == "sums" else (moved("constants", 4 * m if narrow else 4 * (m + n)),)),
    )
    counts = () if result == "sums" else (moved("saturated", 4 * groups),)
    stores = (moved("y", y, 1 if narrow else groups), *counts)
    detail = (("group", group), ("prepared", int(prepared)), ("result", result))
    packed = 4 * panel_words(m, k, "a") if prepared else 0
    return Recipe("bfp16 gemm", regions(sizes), gathered(calls()), loads, stores, m * n * k, packed, detail)


def _width(result: str) -> int:
    if result not in RESULTS:
        raise OperandError("bfp16", "result", f"{result!r}", ", ".join(RESULTS), "choose one of them")
    return RESULTS[result]


def _results(result: str, m: int, n: int, count: int = 1) -> Iterator[Call]:
    """What becomes of sums [m, n]."""
    if result == "bfp16":
        yield call(NARROW, count, m=m, n=n)
    elif result == "float32":
        yield call(TO_FLOAT, count, m=m, n=n)


def conv(
    c: Conv, group: int = 8, resident: bool = True, result: str = "float32", shift: int = SHIFT
) -> Recipe:
    """A convolution tile, [OH,OW,O], with prepared weights, by the kernels that exist.

    The tile is rounded to 13 bits once (`shift` 1 to 4), then packed without a shift for each kernel row. Pixels are
    the rows of A; the weights are B, `group` panels of three output channels at a time where they are not `resident`.
    The int64 sums of all outputs wait in the DTCM and become results one output row at a time. The adjoint by the
    input is this with flipped weights (`windows.adjoint`). OperandError for taps that halfwords in fours do not hold.
    """
    if c.chunk % 4:
        received = f"{c.kernel[1]} taps of {c.block or c.channels} channels"
        raise OperandError("bfp16 conv", "channels", received, "a multiple of 4", "pad the channels by zeros")
    m, n, width = c.columns(BLOCK), c.out_channels, _width(result)
    columns = min(BLOCK * group, n)
    tile, parts = 2 * c.tile[0] * c.tile[1] * c.channels, spans(n, columns)
    panels = sum(count * up(4 * panel_words(r, c.chunk, "b")) for r, count in parts)
    weights = panels * c.chunks
    sizes = (
        ("x", tile, 2),
        ("a", 4 * panel_words(m, c.chunk, "a"), 1),
        ("b", weights if resident else 4 * panel_words(columns, c.chunk, "b"), 1 if resident else 2),
        ("c", 8 * m * n, 2 if result == "sums" else 1),
        ("y", 0 if result == "sums" else width * c.pixels * n, 2),
        ("constants", 0 if result == "sums" else 4 * (c.out[1] + n), 1),
        ("saturated", 0 if result == "sums" else up(4 * c.out[0]), 2),
    )

    def calls() -> Iterator[Call]:
        yield call(ROUND, n=tile // 2)
        yield call(PACK, c.chunks * c.out[0], r=c.out[1], k=c.chunk, shift=0, chunk_words=1)
        for first, times in ((1, 1), (0, c.chunks - 1)):
            for r, count in parts:
                yield call(GEMM, times * count, m=m, n=r, k=c.chunk, accumulate=1 - first)
        yield from _results(result, c.out[1], n, c.out[0])

    groups = sum(count for _, count in parts)
    loads = [
        moved("x", tile, c.tile[0] * (c.channels // c.block if c.block else 1)),
        moved("zeros", 2 * c.border * c.channels, c.tile[0] + 1),
        moved("w", weights, 1 if resident else groups * c.chunks),
    ]
    stores = [moved("y", width * c.pixels * n, c.out[0] if result == "sums" and m > c.pixels else 1)]
    if result != "sums":
        loads.append(moved("constants", 4 * (c.out[1] + n)))
        stores.append(moved("saturated", up(4 * c.out[0])))
    detail = (("group", group), ("resident", int(resident)), ("result", result))
    name = f"bfp16 conv {c.kernel[0]}x{c.kernel[1]} by rows"
    return Recipe(
        name, regions(sizes), gathered(calls()), tuple(loads), tuple(stores), c.macs, weights, detail
    )


@lru_cache(4096)
def best(c: Conv, room: int = ROOM, result: str = "float32") -> tuple[Recipe, ...]:
    """The recipes of a tile that fit `room`, none worse than another in both cycles and loaded bytes; quickest first.

    DTCMError, with the regions of the smallest one, when none fits.
    """
    every = [
        conv(c, group, resident, result)
        for resident in (True, False)
        for group in dict.fromkeys(min(g, -(-c.out_channels // BLOCK)) for g in (1, 2, 4, 6, 8, 11, 22))
    ]
    smallest = min(every, key=lambda r: r.dtcm_bytes)
    return pareto("bfp16 conv", [r for r in every if r.dtcm_bytes <= room], smallest, room)


def weights(m: int, k: int, shift: int = MAX_SHIFT) -> Recipe:
    """Panels of 13-bit weights out of int16 rows [M, K]: what the products take, made once a step."""
    words, pairs = panel_words(m, k, "a"), pairs_of(k)
    sizes = (("rows", 4 * pairs * m, 2), ("panels", 4 * words, 2))
    calls = [call(PACK, r=m, k=k, shift=shift, chunk_words=1)]
    return Recipe(
        "bfp16 weights",
        regions(sizes),
        gathered(calls),
        (moved("w", 4 * pairs * m),),
        (moved("panels", 4 * words),),
        detail=(("shift", shift),),
    )
