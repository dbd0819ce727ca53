"""Recipes of reductions: along rows, along columns, of a whole tensor; with the element-wise chain they reduce.

Float32 sums are the fixed tree over the logical index: rows by the kernel that adds neighbours level by level, columns
by adding whole rows of the matrix in the same order, n - 1 additions for n rows. A tile holds whole subtrees (a power
of two of rows, from a multiple of it on); what tiles leave is added up by `join`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import lcm

from spinntensor.errors import DTCMError, OperandError
from spinntensor.plan.recipe import Call, Recipe
from spinntensor.plan.recipes import maps
from spinntensor.plan.recipes.chain import COPY, Chain, Link, Value
from spinntensor.plan.recipes.elementwise import BYTES
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up


@dataclass(frozen=True)
class Way:
    """How a reduction is computed.

    Parameters
    ----------
    rows : kernel that reduces rows, or "" where none does.
    columns : kernel that joins two rows element by element, or "".
    result : bytes of a result.
    turned : whether rows, and their results, change their sign: the smallest is the largest of the negative.
    """

    rows: str
    columns: str
    result: int = 4
    turned: bool = False


TOP = "convert_f32_top"
"""Takes the largest magnitudes of rows or of columns, and joins them with those it finds."""

REDUCTIONS: Mapping[tuple[str, str], Way] = {
    ("sum", "float32"): Way("f32_reduce_sum", "f32_add_rows"),
    ("prod", "float32"): Way("", "f32_mul_rows"),
    ("max", "float32"): Way("f32_reduce_max", "f32_max"),
    ("min", "float32"): Way("f32_reduce_max", "f32_min", turned=True),
    ("argmax", "float32"): Way("f32_reduce_argmax", ""),
    ("argmin", "float32"): Way("f32_reduce_argmax", "", turned=True),
    ("top", "float32"): Way(TOP, TOP),
    ("sum", "int8"): Way("reduce_sum_s8", ""),
    ("sum", "bool"): Way("reduce_sum_s8", ""),
    ("max", "int8"): Way("reduce_max_s8", "eltwise_max_s8", 1),
    ("max", "uint8"): Way("", "eltwise_max_u8", 1),
    ("max", "int32"): Way("reduce_max_s32", "eltwise_max_s32"),
    ("min", "int8"): Way("", "eltwise_min_s8", 1),
    ("min", "uint8"): Way("", "eltwise_min_u8", 1),
    ("min", "int32"): Way("", "eltwise_min_s32"),
    ("argmax", "int8"): Way("reduce_argmax_s8", ""),
    ("argmax", "int32"): Way("reduce_argmax_s32", ""),
    ("any", "bool"): Way("", "eltwise_max_u8", 1),
    ("all", "bool"): Way("", "eltwise_min_u8", 1),
}
"""By operation and format. `top` is the largest magnitude; positions are int32 and count from the row's start."""

PASS = Chain((Value(),), (), (0,))
"""No element-wise operation before the reduction."""


def way(op: str, form: str, along: str) -> Way:
    """How a reduction along `rows` or `columns` is computed; OperandError where no kernel does it."""
    found = REDUCTIONS.get((op, form))
    if found is None or not (found.rows if along == "rows" else found.columns):
        mend = "reduce along the other axis, or see `plan.recipes.missing`"
        raise OperandError("reduce", op, f"{op} of {form} along {along}", "one that kernels compute", mend)
    return found


@lru_cache(1 << 14)
def rows(
    op: str, m: int, n: int, form: str = "float32", chain: Chain = PASS, run: int = 0, room: int = ROOM
) -> Recipe:
    """`m` rows of `n` neighbours, each to one result.

    Parameters
    ----------
    chain : computes what is reduced: its only result.
    run : elements that lie side by side in the SDRAM; 0 for all.

    Errors
    ------
    DTCMError when a row does not fit `room`; then `whole` reduces one row in blocks.
    """
    found = way(op, form, "rows")
    if found.turned:
        chain = Chain(
            chain.operands,
            (*chain.links, Link("negative", chain.results)),
            (len(chain.operands) + len(chain.links),),
        )
    half = 4 * -(-n // 2) if found.rows == "f32_reduce_sum" else 0
    block = _block(chain, n, m, (("scratch", half, 1), ("y", found.result * -(-maps.LARGEST // n), 2)), room)
    sizes = (("scratch", half, 1), ("y", found.result * (block // n), 2))
    reduced: list[Call] = []
    for size, count in spans(m * n, block):
        reduced.append(_row_call(found.rows, size // n, n, count))
        if found.turned and not op.startswith("arg"):
            reduced.append(call("f32_neg", count, n=size // n))
    return _recipe(f"{op} rows", chain, block, m * n, 1, run, sizes, reduced, (found.result * m, 1))


@lru_cache(1 << 14)
def columns(
    op: str,
    n: int,
    c: int,
    form: str = "float32",
    chain: Chain = PASS,
    groups: int = 1,
    run: int = 0,
    room: int = ROOM,
    left: int = 1,
) -> Recipe:
    """`groups` times `n` rows of `c` columns, each column to one result.

    Blocks hold a power of two of rows and are subtrees; `levels` keeps the sum of each that waits for its neighbour.
    Parameters and errors as for `rows`; groups are channel blocks, or images that are reduced one by one; `left` of
    the subtrees stay apart, because the rows are part of a longer sum and no whole subtree of it.
    """
    found = way(op, form, "columns")
    sizes = (
        ("levels", _row_bytes(found, form, c) * (n.bit_length() + 1), 1),
        ("y", found.result * c * left, 2),
    )
    block = _block(chain, c, n, sizes, room)
    block = min(block, c << (block // c).bit_length() - 1)
    parts = [(size // c, count) for size, count in spans(n * c, block)]
    blocks = sum(count for _, count in parts)
    reduced = [
        Call(step.kernel, step.shape, step.count * count * groups)
        for rows_, count in parts
        for step in levels(found.columns, rows_, c)
    ]
    if blocks > left and found.columns != TOP:  # which joins the blocks itself
        reduced += [
            Call(step.kernel, step.shape, step.count * (blocks - left) * groups)
            for step in levels(found.columns, 2, c)
        ]
    name = f"{op} columns"
    stored = (groups * up(found.result * c * left), groups)
    return _recipe(name, chain, block, n * c, groups, run, sizes, reduced, stored)


def _row_bytes(found: Way, form: str, c: int) -> int:
    """Bytes of a row of partial results; of none where a kernel keeps them itself."""
    return 0 if found.columns == TOP else BYTES[form] * c


def levels(kernel: str, rows_: int, c: int) -> list[Call]:
    """Calls that make one row of `rows_`: pairs of neighbours level by level, or both halves where order is free."""
    if kernel == TOP:
        return [call(TOP, rows=c, k=rows_)]
    found = []
    while rows_ > 1:
        pairs = rows_ // 2
        found.append(call(kernel, m=pairs, n=c) if kernel.endswith("_rows") else call(kernel, n=pairs * c))
        if kernel.endswith("_rows") and rows_ % 2:
            found.append(call(COPY, n=c))
        rows_ -= pairs
    return found


@lru_cache(1 << 14)
def whole(
    op: str,
    count: int,
    form: str = "float32",
    chain: Chain = PASS,
    run: int = 0,
    room: int = ROOM,
    left: int = 1,
) -> Recipe:
    """`count` elements to one result, in blocks; those of a sum hold a power of two of elements. `left` as above."""
    found = way(op, form, "rows")
    if not found.columns or found.turned:
        raise OperandError("reduce", op, f"{op} in blocks", "sum, max or top", "reduce whole rows")
    y = up(4 * left)
    sizes = (("scratch", 4 * maps.LARGEST, 1), ("levels", 4 * (count.bit_length() + 1), 1), ("y", y, 2))
    block = _block(chain, 1, count, sizes, room)
    block = 1 << block.bit_length() - 1 if op == "sum" else block
    parts = spans(count, block)
    blocks = sum(n for _, n in parts)
    reduced = [_row_call(found.rows, 1, size, n) for size, n in parts]
    if blocks > left and found.rows != TOP:  # which joins the blocks itself
        reduced += [Call(c.kernel, c.shape, c.count * (blocks - left)) for c in levels(found.columns, 2, 1)]
    return _recipe(f"{op} whole", chain, block, count, 1, run, sizes, reduced, (y, 1))


@lru_cache(1 << 14)
def join(op: str, parts: int, count: int, form: str = "float32", room: int = ROOM) -> Recipe:
    """What `parts` tiles left, `count` elements each, to one: in the order of their index, as a tree."""
    found = way(op, form, "columns")
    nbytes = up(BYTES[form] * count)
    sizes = (("parts", nbytes * parts, 2), ("y", nbytes, 2))
    needed = sum(up(size) * places for _, size, places in sizes)
    if needed > room:
        raise DTCMError("join", needed, room, {name: size for name, size, _ in sizes})
    return Recipe(
        kernel=f"{op} join",
        regions=regions(sizes),
        calls=gathered(levels(found.columns, parts, count)),
        loads=(moved("parts", nbytes * parts, parts),),
        stores=(moved("y", nbytes),),
    )


@lru_cache(1 << 12)
def in_order(parts: int, count: int, room: int = ROOM) -> Recipe:
    """What `parts` tiles left, `count` float32 each, added one after the other; DTCMError when two do not fit."""
    block = min(count, maps.LARGEST)
    sizes = (("parts", 4 * block, 2), ("y", 4 * block, 2))
    if 16 * block > room:
        raise DTCMError("join", 16 * block, room, {name: size for name, size, _ in sizes})
    blocks = sum(n for _, n in spans(count, block))
    calls = [call("f32_add", n * (parts - 1), n=size) for size, n in spans(count, block)]
    loads = (moved("parts", 4 * count * parts, blocks * parts, blocks * parts),)
    return Recipe(
        "pieces added", regions(sizes), gathered(calls), loads, (moved("y", 4 * count, blocks, blocks),)
    )


def _row_call(kernel: str, m: int, n: int, count: int) -> Call:
    return call(kernel, count, rows=m, k=n) if kernel == TOP else call(kernel, count, m=m, n=n)


Sizes = tuple[tuple[str, int, int], ...]


def _block(chain: Chain, unit: int, units: int, sizes: Sizes, room: int) -> int:
    """Elements of a block: whole rows of `unit`, and whole double words; all of them where they fit."""
    p = maps.planned(chain)
    own = sum(up(n) * places for _, n, places in sizes)
    step = lcm(unit, p.unit)
    block = min(max(maps.LARGEST // step, 1) * step, -(-unit * units // step) * step)
    while own + maps.needed(chain, block) > room:
        if block <= step:
            found = {name: n * places for name, n, places in (*maps.region_sizes(p, block), *sizes)}
            raise DTCMError("reduce", own + maps.needed(chain, block), room, found)
        block -= step
    return block


def _recipe(
    name: str,
    chain: Chain,
    block: int,
    each: int,
    groups: int,
    run: int,
    sizes: Sizes,
    reduced: list[Call],
    result: tuple[int, int],
) -> Recipe:
    """The chain's recipe, its result reduced in the DTCM instead of stored."""

    def made() -> Iterator[Call]:
        yield from maps.chain_calls(p, block, parts, groups)
        yield from reduced

    p, parts = maps.planned(chain), spans(each, block)
    loads, stores = maps.transfers(p, chain, each, groups, sum(n for _, n in parts), run)
    counts = tuple(s for s in stores if s.operand == "counts")
    return Recipe(
        kernel=name,
        regions=regions((*maps.region_sizes(p, block), *sizes)),
        calls=gathered(made()),
        loads=loads,
        stores=(moved("y", *result), *counts),
        detail=(("block", block),),
    )
