"""Recipe of a 3x3 convolution tile by Winograd F(2x2,3x3) or F(2x4,3x3), mirroring `kernels.winograd_tile`.

Border pixels stay in the DTCM and are not counted as loads. Transformed weights arrive in parts, by turns in the two
halves of their region, unless all of them stay there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache

from spinntensor.kernels.winograd_input import AHEAD
from spinntensor.kernels.winograd_product import sums_words
from spinntensor.kernels.winograd_tile import WinogradTile
from spinntensor.plan.recipe import STREAM, X_STREAM, Call, Recipe, Region, Transfer
from spinntensor.plan.recipes import int8_calls as calls
from spinntensor.plan.recipes.conv import PLAIN, Use, pieces, places, spans
from spinntensor.plan.recipes.parts import call, gathered, moved, up

WORST = 255 * 128
"""The largest magnitude of a product of a byte and a weight."""


def proved(width: int, channels: int) -> bool:
    """Whether 32 bits hold the sums of F(2 x width, 3x3) whatever the weights are."""
    grown = 4 if width == 2 else 16
    return grown * 9 * channels * WORST < 1 << 31


@lru_cache(1 << 16)
def winograd(tile: WinogradTile, use: Use = PLAIN) -> Recipe:
    """The recipe of a tile of this geometry."""
    parts = sizes_of(tile)[1]
    count, packed = sum(parts.values()), sum(parts.elements())
    alone = count == 1 or tile.resident
    (rows, columns), x_block, y_block = tile.stored, tile.blocks[0] or tile.c, tile.blocks[1] or tile.m
    height, width, _ = tile.image
    top, left, bottom, right = tile.border
    inside = height - top - bottom, width - left - right
    x_pieces = (tile.c // x_block) * (inside[0] if left + right or tile.by_rows[0] else 1)
    y_pieces = (tile.m // y_block) * (rows if columns < tile.covered[1] or tile.by_rows[1] else 1)
    x_bytes = inside[0] * inside[1] * tile.c + (0 if tile.blocks[0] else AHEAD)
    y_bytes = up(rows * columns * tile.m)
    stays = alone and not (tile.on_core and count > 1)
    loads = [
        moved(X_STREAM if tile.arriving else "x", x_bytes, x_pieces),
        Transfer("w" if stays else STREAM, packed, count),
        Transfer("w", 16 * tile.m, 1),
    ]
    found = list(_calls(tile, use))
    if use.residual:
        loads.append(Transfer("r", y_bytes, y_pieces))
        whole, (runs, pixels) = tile.stored == tile.covered, tile.runs
        runs, nbytes = (1, tile.pixels * tile.m) if whole else (runs * (tile.m // y_block), pixels * y_block)
        found.append(calls.residual_add(nbytes, use.signed[1], runs))
    on_core = ", weights on the core" if tile.on_core else ""
    return Recipe(
        f"winograd {tile.winograd.name}{on_core}{' + add' if use.residual else ''}",
        regions(tile, use),
        gathered(found),
        tuple(loads),
        (Transfer("y", y_bytes, y_pieces),),
        9 * rows * columns * tile.c * tile.m,
        packed,
        (
            ("width", tile.width),
            ("tiles", (tile.rows, tile.columns)),
            ("chunk", tile.chunk),
            ("group", tile.group),
            ("on_core", tile.on_core),
            ("resident", tile.resident),
            ("arriving", tile.arriving),
            ("late", use.late),
        ),
    )


def regions(tile: WinogradTile, use: Use) -> tuple[Region, ...]:
    """The regions of the tile with their places."""
    sizes, parts = sizes_of(tile)
    count = sum(parts.values())
    single = len(tile.chunks) == 1
    twice = places(use, True, single, tile.arriving) | (set() if use.same_w else {"rows"})
    if tile.on_core:
        twice |= {"w"} if count > 1 or not use.same_w else set()
    elif not use.same_w and (count == 1 or tile.resident):
        twice.add("u")
    if use.residual:
        sizes["r"] = sizes["y"]
        twice.add("r")
    return calls.regions(sizes, twice)


def sizes_of(tile: WinogradTile) -> tuple[dict[str, int], Counter[int]]:
    """Bytes of the regions, and those of the parts of the weights in SDRAM, counted."""
    chunks, groups = _cuts(tile)
    cut = sum(chunks.values()) > 1
    widest, most = max(chunks), min(tile.group, tile.m)
    form = tile.winograd
    parts: Counter[int] = Counter()
    for c, a in chunks.items():
        for m, b in groups.items():
            nbytes = 9 * c * m if tile.on_core else 4 * form.u_words(m, c)
            parts[up(nbytes)] += a * b
    count = sum(parts.values())
    halves = 1 if tile.on_core else count if tile.resident else min(count, 2)
    sizes = {
        "x": tile.x_bytes,
        "v": 4 * form.v_words(tile.tiles, widest),
        "u": halves * 4 * form.u_words(most, widest),
        "rows": 16 * tile.m,
        "sums": 4 * sums_words(form),
        "y": tile.pixels * tile.m,
    }
    if tile.on_core:
        sizes["w"] = 9 * widest * most
    if cut:
        sizes["c"] = 4 * tile.pixels * tile.m
    return sizes, parts


def _cuts(tile: WinogradTile) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """Sizes of the chunks of channels and of the groups of output channels, counted."""
    chunks = spans(tile.c, tile.chunk or tile.c)
    block = tile.blocks[1] if sum(chunks.values()) == 1 and tile.blocks[1] else tile.m
    groups: Counter[int] = Counter()
    for size, count in spans(tile.m, block).items():
        for m, inner in spans(size, tile.group).items():
            groups[m] += count * inner
    return chunks, groups


def _calls(tile: WinogradTile, use: Use) -> Iterator[Call]:
    name, kind = tile.winograd.name, "s8" if use.signed[0] else "u8"
    chunks, groups = _cuts(tile)
    cut = sum(chunks.values()) > 1
    grid = {"rows": tile.rows, "columns": tile.columns}
    for at, (c, count) in enumerate(chunks.items()):
        yield call(f"winograd_input_{kind}_{name}", count, c=c, gap=0, **grid)
        for m, times in groups.items():
            if tile.on_core:
                yield call("winograd_weight_s8_2x2", count * times, m=m, c=c)
            shape = {"m": m, "c": c, "odd": 0, "gap": 0, **grid}
            if not cut:
                signed = int(use.signed[1])
                kernel = f"winograd_product_s16_{name}_u32"
                yield call(kernel, times, any=0, signed=signed, **shape)
                continue
            first = int(at == 0)
            kernel = f"winograd_product_s16_{name}_s32_u32"
            yield call(kernel, times * first, accumulate=0, **shape)
            yield call(kernel, times * (count - first), accumulate=1, **shape)
    if cut:
        block = tile.blocks[1] or tile.m
        for m, count in pieces(tile.m, tile.m, block).items():
            runs, pixels = tile.runs
            yield calls.requantize(m, pixels, use.signed[1], count * runs)
