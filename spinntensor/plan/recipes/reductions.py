"""Recipes of reductions: along rows, along columns, of a whole tensor; with the element-wise chain they reduce.

Float32 sums are the fixed tree over the logical index: rows by the kernel that adds neighbours level by level, columns
by adding whole rows of the matrix in the same order, n - 1 additions for n rows. A block holds a power of two of rows
from a multiple of it on, and is a whole subtree; what blocks leave is added up like a binary counter counts, and what
tiles leave by `join`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import lcm

from spinntensor.errors import DTCMError, OperandError
from spinntensor.plan.recipe import Call, Recipe
from spinntensor.plan.recipes import maps
from spinntensor.plan.recipes.chain import COPY, FULL, SCALAR, Chain, Link, Value
from spinntensor.plan.recipes.elementwise import BYTES
from spinntensor.plan.recipes.lines import Lines, doubles, flat
from spinntensor.plan.recipes.maps import Elements
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, up

ROWS, COLUMNS, WHOLE = "rows", "columns", "whole"
"""What is reduced: the last axes, those before them, or everything."""


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
    """How a reduction along `ROWS` or `COLUMNS` is computed; OperandError where no kernel does it."""
    found = REDUCTIONS.get((op, form))
    if found is None or not (found.rows if along == ROWS else found.columns):
        mend = "reduce along the other axis, or see `plan.recipes.missing`"
        raise OperandError("reduce", op, f"{op} of {form} along {along}", "one that kernels compute", mend)
    return found


@dataclass(frozen=True)
class Reduction:
    """A tile of a reduction.

    Parameters
    ----------
    op, form, along : what is reduced, of which format, and where it lies.
    chain, on : what is reduced is its only result; groups are reduced one by one unless along rows.
    size : elements of each result that the tile has.
    step : elements in the DTCM from one of `size` neighbours to the next along columns, and from row to row along rows.
    result : the lines of the results.
    """

    op: str
    form: str
    along: str
    chain: Chain
    on: Elements
    size: int
    step: int
    result: Lines

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.op, self.form, self.along, self.chain, self.on, self.size, self.step, self.result))

    @cached_property
    def way(self) -> Way:
        return way(self.op, self.form, ROWS if self.along == WHOLE else self.along)

    @property
    def kernel(self) -> str:
        """That reduces what a block has of each result, or of all."""
        return self.way.columns if self.along == COLUMNS else self.way.rows

    @property
    def turned(self) -> bool:
        """Whether results change their sign: those of a chain that ends in a change of sign, places aside."""
        return self.along != COLUMNS and self.way.turned and not self.op.startswith("arg")

    @property
    def joining(self) -> str:
        """The kernel that joins what blocks leave."""
        return "f32_max" if self.turned else self.way.columns

    @property
    def one(self) -> bool:
        """Whether a column has one element, which is its result."""
        return self.along == COLUMNS and self.on.each == self.step and self.kernel != TOP

    @property
    def rows_at_once(self) -> bool:
        """Whether a call takes all rows of a block: side by side, or by a kernel that knows how far apart they are."""
        return self.step == self.size or self.kernel == TOP

    @property
    def columns(self) -> int:
        """Elements of a row of what blocks leave."""
        return self.step if self.along == COLUMNS else 1

    def results(self, first: int, size: int) -> tuple[int, int]:
        """The results that a block of a group gives when it is the last one, counted from the group's first."""
        if self.along == ROWS:
            return first // self.step, (first + size) // self.step
        return 0, self.columns


def turned(chain: Chain) -> Chain:
    """A chain whose only result changes its sign."""
    last = len(chain.operands) + len(chain.links)
    return Chain(chain.operands, (*chain.links, Link("negative", chain.results)), (last,))


@lru_cache(1 << 14)
def recipe(work: Reduction, room: int = ROOM) -> Recipe:
    """One tile.

    Errors
    ------
    DTCMError when not even the smallest block fits `room`; OperandError where blocks are no whole rows, and for rows of
    bytes that are no whole words.
    """
    p = maps.planned(work.chain)
    result = p.places[p.stores[0][1]].extent
    if result != FULL and not (result == SCALAR and work.on.each == 1):
        raise OperandError(
            "reduce", work.op, "elements that repeat", "each once", "reduce before they repeat"
        )
    block = _block(work, room)
    _checked(work, block)
    loads, stores = maps.transfers(p, work.chain, work.on, block)
    parts = work.on.groups * len(list(work.on.blocks(block)))
    y = [work.results(*b) for b in work.on.blocks(block)]
    own = y if work.along == ROWS else y[:1]
    each = work.on.each // work.step if work.along == ROWS else work.columns
    left = [(g * each + low, g * each + high) for g in range(work.on.groups) for low, high in own]
    stored = maps.moved_lines(work.result, "y", left, 1, parts if work.along == ROWS else work.on.groups)
    return Recipe(
        kernel=f"{work.op} {work.along}",
        regions=regions(
            (*maps.region_sizes(p, block), *maps.arriving(work.chain, work.on, block), *sizes(work, block))
        ),
        calls=gathered(_calls(work, block)),
        loads=loads,
        stores=(stored, *stores),
        detail=(("block", block),),
    )


def _checked(work: Reduction, block: int) -> None:
    """OperandError for neighbours that are reduced by words and fill no whole ones: what lies behind would count."""
    lanes = maps.WORD // min(maps.WORD, BYTES[work.form])
    row = work.size if work.along == ROWS else work.on.each
    if work.along != COLUMNS and any(n % lanes for n in (row, work.step if work.along == ROWS else block)):
        mend = "convert them to float32 first"
        raise OperandError(
            "reduce", work.op, f"{row} {work.form} side by side", f"a multiple of {lanes}", mend
        )


def _calls(work: Reduction, block: int) -> Iterator[Call]:
    p = maps.planned(work.chain)
    yield from maps.chain_calls(p, work.on, block)
    blocks = list(work.on.blocks(block))
    each = work.on.each // work.step if work.along == ROWS else work.columns
    for number, (first, size) in enumerate(blocks):
        for c in block_calls(work, number, size, number == len(blocks) - 1):
            yield Call(c.kernel, c.shape, c.count * work.on.groups)
        if work.along != ROWS and number < len(blocks) - 1:
            continue
        low, high = work.results(first, size)
        for group in range(work.on.groups if not work.result.direct else 0):
            for e in work.result.cut(group * each + low, group * each + high):
                yield call("copy_s32", planes=1, rows=e.rows, words=e.size)


def block_calls(work: Reduction, number: int, size: int, last: bool) -> Iterator[Call]:
    """The calls on a block, once the chain is computed."""
    kernel = work.kernel
    if work.along == ROWS:
        rows_ = size // work.step
        at_once, count = (rows_, 1) if work.rows_at_once else (1, rows_)
        yield _row_call(kernel, at_once, work.size, count)
        if work.turned:
            yield call("f32_neg", n=rows_)
        return
    if kernel == TOP:
        rows_ = size // work.step if work.along == COLUMNS else size
        yield call(TOP, rows=work.columns, k=rows_)
        return
    joins, _ = counter(number, last)
    if work.along == WHOLE:
        yield _row_call(kernel, 1, size, 1)
    else:
        rows_ = size // work.step
        yield from levels(kernel, rows_, work.step)
        if rows_ == 1 and not joins and not work.one:
            yield call(COPY, n=slot_bytes(work) // maps.WORD)
    for _ in joins:
        yield from levels(work.joining, 2, work.columns)
    if last and work.turned:
        yield call("f32_neg", n=1)


def counter(number: int, last: bool) -> tuple[list[int], int | None]:
    """Which subtrees are joined with that of a block, by their levels, and the level that takes the sum; None for the
    result. It counts like a binary number: level l waits while bit l is set."""
    found, level = [], 0
    while number & 1:
        found.append(level)
        number, level = number >> 1, level + 1
    if not last:
        return found, level
    while number:
        if number & 1:
            found.append(level)
        number, level = number >> 1, level + 1
    return found, None


def sizes(work: Reduction, block: int) -> tuple[tuple[str, int, int], ...]:
    """Regions beside those of the chain, as (name, bytes, places)."""
    blocks = -(-work.on.each // block)
    half = -(-(work.size if work.along == ROWS else block) // 2)
    scratch = 4 * half if work.along != COLUMNS and work.kernel == "f32_reduce_sum" else 0
    slots = (
        0 if work.along == ROWS or work.kernel == TOP else (blocks - 1).bit_length() + (work.along == WHOLE)
    )
    count = block // work.step if work.along == ROWS else work.columns
    spans_ = [work.results(*b) for b in work.on.blocks(block)] if work.along == ROWS else [(0, work.columns)]
    return (
        ("scratch", scratch, 1),
        ("levels", slots * slot_bytes(work), 1),
        ("y", work.way.result * count, 2),
        ("rows y", max(work.result.room(*s) for s in spans_), 2),
    )


def slot_bytes(work: Reduction) -> int:
    """Bytes of a level."""
    return doubles(work.columns * BYTES[work.form])


def _block(work: Reduction, room: int) -> int:
    """Elements of a block: whole rows of the reduction, and whole double words; all of them where they fit."""
    p, on = maps.planned(work.chain), work.on
    if work.along == ROWS:
        apart = work.step * (maps.WORD * 2 // min(work.way.result, maps.WORD * 2))
        step = lcm(work.step if work.step == on.each else apart, p.unit if p.unit < on.each else 1)
    else:
        step = work.columns
        while step % p.unit and step < on.each:
            step *= 2
    step = lcm(step, 2) if on.each % 2 == 0 else step
    powers = work.along != ROWS and (work.op in ("sum", "prod") or work.along == COLUMNS)

    def taken(block: int) -> int:
        found = (*maps.region_sizes(p, block), *maps.arriving(work.chain, on, block), *sizes(work, block))
        return sum(up(n) * places for _, n, places in found)

    block = step
    while block < on.each and (2 if powers else 1) * block + (0 if powers else step) <= max(
        maps.LARGEST, step
    ):
        block = 2 * block if powers else block + step
    while taken(block) > room:
        if block <= step:
            found = {n: b * places for n, b, places in (*maps.region_sizes(p, block), *sizes(work, block))}
            raise DTCMError("reduce", taken(block), room, found)
        block = block // 2 if powers else block - step
    if block % p.unit and block < on.each:
        raise OperandError(
            "reduce", work.op, f"blocks of {block}", f"multiples of {p.unit}", "reduce other axes"
        )
    return block


def _flat(
    op: str, form: str, along: str, chain: Chain, count: int, groups: int, size: int, step: int
) -> Reduction:
    """A reduction of values that lie side by side."""
    found = way(op, form, ROWS if along == WHOLE else along)
    if found.turned and along != COLUMNS:
        chain = turned(chain)
    on = maps.flat_elements(chain, count, groups)
    on = Elements(on.each, on.groups, on.loads, (None,))
    results = count // step if along == ROWS else groups * (step if along == COLUMNS else 1)
    return Reduction(op, form, along, chain, on, size, step, flat(found.result, results))


def rows(op: str, m: int, n: int, form: str = "float32", chain: Chain = PASS, room: int = ROOM) -> Recipe:
    """`m` rows of `n` neighbours, each to one result, all side by side; errors as for `recipe`."""
    return recipe(_flat(op, form, ROWS, chain, m * n, 1, n, n), room)


def columns(
    op: str, n: int, c: int, form: str = "float32", chain: Chain = PASS, groups: int = 1, room: int = ROOM
) -> Recipe:
    """`groups` times `n` rows of `c` columns, each column to one result, all side by side; errors as for `recipe`."""
    return recipe(_flat(op, form, COLUMNS, chain, groups * n * c, groups, n, c), room)


def whole(op: str, count: int, form: str = "float32", chain: Chain = PASS, room: int = ROOM) -> Recipe:
    """`count` elements to one result, in blocks; errors as for `recipe`."""
    if not way(op, form, ROWS).columns:
        raise OperandError(
            "reduce", op, f"{op} in blocks", "one whose results are joined", "reduce whole rows"
        )
    return recipe(_flat(op, form, WHOLE, chain, count, 1, count, 1), room)


@dataclass(frozen=True)
class Addition:
    """Rows `first` and `second`, and those `step` further, `count` times: to rows `target` and on, side by side."""

    first: int
    second: int
    target: int
    count: int = 1
    step: int = 2


def tree(rows_: int) -> Iterator[Addition]:
    """The fixed tree over rows, in place: neighbours level by level. A row that is left over stays where it is, and
    joins the last row of a level that has one without a neighbour."""
    last: int | None = None
    while rows_ + (last is not None) > 1:
        pairs, odd = divmod(rows_, 2)
        if pairs:
            yield Addition(0, 1, 0, pairs)
        if odd:
            if last is not None:
                yield Addition(rows_ - 1, last, last)
            else:
                last = rows_ - 1
        rows_ = pairs


def levels(kernel: str, rows_: int, c: int) -> list[Call]:
    """Calls that make one row of `rows_`: pairs of neighbours level by level, or both halves where order is free."""
    if kernel == TOP:
        return [call(TOP, rows=c, k=rows_)]
    if kernel.endswith("_rows"):
        return [call(kernel, m=step.count, n=c) for step in tree(rows_)]
    found = []
    while rows_ > 1:
        pairs = rows_ // 2
        found.append(call(kernel, n=pairs * c))
        rows_ -= pairs
    return found


@lru_cache(1 << 14)
def join(op: str, parts: int, count: int, form: str = "float32", room: int = ROOM) -> Recipe:
    """What `parts` tiles left, `count` elements each, to one: in the order of their index, as a tree."""
    found = way(op, form, "columns")
    nbytes = up(BYTES[form] * count)
    regions_ = (("parts", nbytes * parts, 2), ("y", nbytes, 2))
    needed = sum(up(size) * places for _, size, places in regions_)
    if needed > room:
        raise DTCMError("join", needed, room, {name: size for name, size, _ in regions_})
    return Recipe(
        kernel=f"{op} join",
        regions=regions(regions_),
        calls=gathered(levels(found.columns, parts, nbytes // BYTES[form])),
        loads=(moved("parts", nbytes * parts),),
        stores=(moved("y", nbytes),),
    )


def _row_call(kernel: str, m: int, n: int, count: int) -> Call:
    return call(kernel, count, rows=m, k=n) if kernel == TOP else call(kernel, count, m=m, n=n)
