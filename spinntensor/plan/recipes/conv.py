"""Recipe of an int8 convolution tile by im2col and product, mirroring `spinntensor.kernels.conv2d_tile`.

Places: what changes from tile to tile while another is computed has two, as `image.pipeline` gives them. Weights that
are not resident arrive in parts, each in the place that the part before last had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import prod
from types import MappingProxyType

from spinntensor.kernels.conv2d_tile import Conv2d
from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pairs_of
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import STREAM, X_STREAM, Call, Recipe, Region, Transfer
from spinntensor.plan.recipes import int8_calls as calls
from spinntensor.plan.recipes.parts import call, gathered, moved, up


@dataclass(frozen=True)
class Use:
    """What a recipe is for, besides its geometry.

    Parameters
    ----------
    signed : whether x and y are int8, else uint8.
    same_x, same_w : whether the tiles of a core follow each other with the same input box, or the same weights.
    residual : whether a second operand of y's type and box is added to y before it leaves.
    late : whether y is written only when the one before has left, and x, where all of it is read at the start of a
        tile, arrives when the tile before has read its own: one place for each will do then.
    loose : whether x may begin anywhere in a double word.
    packed : whether weights may come packed: none of them is -128, which some words cannot hold.
    """

    signed: tuple[bool, bool] = (False, False)
    same_x: bool = False
    same_w: bool = True
    residual: bool = False
    late: bool = False
    loose: bool = False
    packed: bool = True


PLAIN = Use()


@lru_cache(1 << 16)
def conv(geometry: Conv2d, use: Use = PLAIN) -> Recipe:
    """The recipe of a tile of this geometry.

    ValueError when x is to stay (`same_x`) in a geometry where y takes its place: set `apart`.
    """
    g = geometry
    if use.same_x and not has_own_y(g):
        raise ValueError("same_x with y in the place of x: give a geometry with apart=True")
    parts = sizes_of_parts(g)
    packed, count = sum(parts.elements()), sum(parts.values())
    streamed = not g.resident and count > 1
    y_bytes = prod(g.y_shape)
    y_pieces = (g.y_shape[0] if g.blocks[1] else 1) * (g.out[0] if g.by_rows[1] else 1)
    x_pieces = (g.x_shape[0] if g.blocks[0] else 1) * (g.tile[0] if g.by_rows[0] else 1)
    loads = [moved(X_STREAM if g.arriving else "x", prod(g.x_shape), x_pieces)]
    loads.append(Transfer(STREAM if streamed else "w", packed, count if streamed else 1))
    loads.append(Transfer("w", 16 * g.out_channels, 1))
    found = list(_calls(g, use))
    if use.residual:
        loads.append(Transfer("r", up(y_bytes), y_pieces))
        found.append(calls.residual_add(y_bytes, use.signed[1]))
    return Recipe(
        f"conv2d {g.kernel[0]}x{g.kernel[1]} im2col{' + add' if use.residual else ''}",
        regions(g, use),
        gathered(found),
        tuple(loads),
        (moved("y", y_bytes, y_pieces),),
        g.macs,
        packed,
        (
            ("chunk", g.chunk),
            ("group", g.group),
            ("resident", g.resident),
            ("expanded", g.expanded),
            ("apart", g.apart),
            ("arriving", g.arriving),
            ("late", use.late),
        ),
    )


def regions(g: Conv2d, use: Use) -> tuple[Region, ...]:
    """The regions of the tile with their places."""
    sizes, parts = sizes_of(g)
    twice = places(use, has_own_y(g), sum(taps(g).values()) == 1, g.arriving)
    twice |= set() if use.same_w else {"rows"}
    if not use.same_w or (not g.resident and parts > 1):
        twice.add("a" if g.expanded else "w")
    if use.residual:
        sizes["r"] = prod(g.y_shape)
        twice.add("r")
    if use.loose:
        sizes["x"] += DOUBLE
    return calls.regions(sizes, twice)


def places(use: Use, apart: bool, single: bool, arriving: bool) -> set[str]:
    """Those of x and y that have two places; y that lies in the place of x needs them whatever comes when.

    `single` says that all of x is read at the start, `arriving` that its region has two halves anyway.
    """
    if not apart:
        return {"x"}
    x = set() if use.same_x or arriving or (use.late and single) else {"x"}
    return x if use.late else x | {"y"}


def has_own_y(g: Conv2d) -> bool:
    """Whether y has a region of its own."""
    single = g.chunk[0] >= g.kernel[0] and g.chunk[1] >= g.kernel[1] and g.chunk[2] >= g.channels
    return g.apart or g.arriving or (single and BLOCK * g.group < g.out_channels) or g.spare


@lru_cache(1 << 14)
def spans(size: int, step: int) -> Mapping[int, int]:
    """Sizes of the pieces of `size` cut at multiples of `step`, counted."""
    whole, rest = divmod(size, step)
    found = {step: whole} if whole else {}
    return MappingProxyType(found | ({rest: 1} if rest else {}))


def sizes_of_parts(g: Conv2d) -> Counter[int]:
    """Bytes of the parts of the weights, one for each chunk and group, counted."""
    found: Counter[int] = Counter()
    for k, chunks in taps(g).items():
        for m, groups in spans(g.out_channels, BLOCK * g.group).items():
            found[part_bytes(m, k, g.expanded)] += chunks * groups
    return found


def part_bytes(m: int, k: int, expanded: bool) -> int:
    """Bytes that weights of m rows and k taps take in SDRAM, in whole double words."""
    panels, pairs = -(-m // BLOCK), pairs_of(k)
    words = BLOCK * pairs + chunks_of(pairs) if expanded else BLOCK * pairs // 2
    return up(4 * panels * words)


def taps(g: Conv2d) -> Mapping[int, int]:
    """Taps of the chunks, counted."""
    return _taps(g.kernel, g.channels, g.chunk)


@lru_cache(1 << 14)
def _taps(kernel: tuple[int, int], channels: int, chunk: tuple[int, int, int]) -> Mapping[int, int]:
    found: Counter[int] = Counter()
    for rows, a in spans(kernel[0], chunk[0]).items():
        for columns, b in spans(kernel[1], chunk[1]).items():
            for depth, c in spans(channels, chunk[2]).items():
                found[rows * columns * depth] += a * b * c
    return MappingProxyType(found)


def sizes_of(g: Conv2d) -> tuple[dict[str, int], int]:
    """Bytes of the regions, and parts of the weights."""
    ks, parts = taps(g), sizes_of_parts(g)
    longest = max(map(pairs_of, ks))
    single = sum(ks.values()) == 1
    panels = min(g.group, -(-g.out_channels // BLOCK))
    x_size, y_size, own = g.x_bytes, prod(g.y_shape), has_own_y(g)
    count = sum(parts.values())
    weights = sum(parts.elements()) if g.resident else max(parts)
    sizes = {
        "x": x_size if own else max(x_size, y_size),
        "pad": min(g.chunk[2], g.channels),
        "b": 4 * (-(-g.pixels // BLOCK) * BLOCK * longest + 1),
    }
    if not g.expanded:
        sizes["w"] = weights
    sizes["a"] = weights if g.expanded else 4 * panels * (BLOCK * longest + chunks_of(longest))
    if not g.expanded:
        sizes["patches"] = DOUBLE
    sizes["c"] = 4 * g.pixels * (min(BLOCK * panels, g.out_channels) if single else g.out_channels)
    sizes["rows"] = 16 * g.out_channels
    if own:
        sizes["y"] = y_size
    return sizes, count


def _calls(g: Conv2d, use: Use) -> Iterator[Call]:
    """The calls, those of a kernel together."""
    ks = taps(g)
    single = sum(ks.values()) == 1
    yield from _packing(g, use.signed[0])
    groups = spans(g.out_channels, BLOCK * g.group)
    first = min(g.chunk[0], g.kernel[0]) * min(g.chunk[1], g.kernel[1]) * min(g.chunk[2], g.channels)
    for k, chunks in ks.items():
        for m, count in groups.items():
            if not g.expanded:
                yield calls.unpack(m, k, chunks * count)
            fresh = int(k == first)
            yield calls.gemm(m, g.pixels, k, 0, fresh * count)
            yield calls.gemm(m, g.pixels, k, 1, (chunks - fresh) * count)
    block = g.blocks[1] or g.out_channels
    step = BLOCK * g.group if single else g.out_channels
    for m, count in pieces(g.out_channels, step, block).items():
        yield calls.requantize(m, g.pixels, use.signed[1], count)


def pieces(size: int, step: int, block: int) -> Mapping[int, int]:
    """Sizes of what is left of `size` cut at the multiples of `step` and of `block`, counted."""
    if step >= size:
        return spans(size, block)
    if block >= size:
        return spans(size, step)
    cuts = sorted({*range(0, size, step), *range(0, size, block), size})
    return Counter(b - a for a, b in pairwise(cuts))


def _packing(g: Conv2d, signed: bool) -> Iterator[Call]:
    """Calls of im2col: only where taps lie outside the tile does it matter which ones a chunk has."""
    block = g.blocks[0] or g.channels
    pixels = g.tile[0] * g.tile[1]
    name = "im2col_u8_outer_u8"
    for channels, count in spans(g.channels, g.chunk[2]).items():
        if channels > block:
            shape = {"kh": channels // block, "kw": 1, "c": block, "oh": 1, "ow": g.pixels, "sx": g.stride[1]}
            size = {"height": channels // block, "width": pixels, "signed": int(signed)}
            yield call(name, count, **shape, **size)
            continue
        for row in range(0, g.kernel[0], g.chunk[0]):
            for column in range(0, g.kernel[1], g.chunk[1]):
                yield call(
                    name,
                    count,
                    kh=min(g.chunk[0], g.kernel[0] - row),
                    kw=min(g.chunk[1], g.kernel[1] - column),
                    c=channels,
                    oh=g.out[0],
                    ow=g.out[1],
                    sy=g.stride[0],
                    sx=g.stride[1],
                    top=-(g.corner[0] + row),
                    left=-(g.corner[1] + column),
                    height=g.tile[0],
                    width=g.tile[1],
                    more=int(channels < g.x_pitch),
                    signed=int(signed),
                )
