"""Recipes of element-wise chains: a tile's elements go through the DTCM in blocks, two of them under way.

What repeats (vectors along the channels, scalars, tables) arrives once for each group of elements that share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import lcm

from spinntensor.errors import DTCMError, OperandError
from spinntensor.kernels._float_tables import exp_table, log_table, sigmoid_table, tanh_table
from spinntensor.plan.recipe import Call, Recipe, Transfer
from spinntensor.plan.recipes import bytes_maps
from spinntensor.plan.recipes.chain import (
    COPY,
    FULL,
    SCALAR,
    Chain,
    Extent,
    Instruction,
    Place,
    Program,
    program,
)
from spinntensor.plan.recipes.lines import Entry, Lines, flat
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up

LARGEST = 512
"""Elements of a block at most: from here on a call's own cycles are below a hundredth of its work."""
COUNTED: Mapping[str, tuple[str, ...]] = {
    "f32_quantize_8": ("saturated", "lost", "not finite"),
    "bfp16_from_f32": ("saturated", "lost"),
}
"""What kernels count that the operation reports: a word for each."""
SPILLED = frozenset(f"eltwise_{op}_s{n}" for op in ("add", "sub") for n in (8, 16))
"""Kernels that count what they clamp, where that is meant."""
PAIRED = frozenset({"bfp16_from_f32"})
"""Of those that count, the ones that take elements in pairs."""
_TABLES = {
    "f32_exp": exp_table,
    "f32_log": log_table,
    "f32_tanh": tanh_table,
    "f32_sigmoid": sigmoid_table,
}
_BYTES = {"f32_quantize_8": bytes_maps.STEPS, "f32_dequantize_8": bytes_maps.RESULTS}
"""Bytes of tables that depend on the grid."""
_SLACK = 8
"""Bytes behind a value that is copied: copies are made of pairs of words, the last one may write a word more."""
_FEW = 4
"""Elements of a block below which copies of one word go beyond it."""
WORD = 4

planned = lru_cache(4096)(program)


@dataclass(frozen=True)
class Elements:
    """What a chain is computed on.

    Parameters
    ----------
    each, groups : elements of a group, and groups: parts of the tile with periodic operands of their own.
    loads : the lines of each operand; None for a number that the graph holds.
    stores : the lines of each result; None where it stays in the DTCM.
    pads : of rows, where these have padding.
    """

    each: int
    groups: int
    loads: tuple[Lines | None, ...]
    stores: tuple[Lines | None, ...]
    pads: Lines | None = None

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.each, self.groups, self.loads, self.stores, self.pads))

    @cached_property
    def step(self) -> int:
        """Elements of which blocks are best made: whole rows, where their lines are looked at."""
        moved = [x.step for x in (*self.loads, *self.stores) if x is not None and x.dims and not x.direct]
        return lcm(1, *moved, *([self.pads.step] if self.pads and self.pads.dims else []))

    def blocks(self, block: int) -> Iterator[tuple[int, int]]:
        """First element and size of the blocks of a group."""
        for first in range(0, self.each, block):
            yield first, min(block, self.each - first)


def flat_elements(chain: Chain, count: int, groups: int = 1) -> Elements:
    """Elements whose values all lie side by side."""
    p = planned(chain)
    each = -(-count // groups)

    def lines(place: Place) -> Lines:
        return flat(place.nbytes, place.extent.count(each), groups)

    loads: list[Lines | None] = [None] * len(chain.operands)
    for i, at in p.loads:
        if chain.operands[i].constant is None:
            loads[i] = lines(p.places[at])
    return Elements(each, groups, tuple(loads), tuple(lines(p.places[at]) for _, at in p.stores))


@lru_cache
def table_bytes(kernel: str) -> int:
    """Bytes of the constants that a kernel reads from the DTCM; 0 for most."""
    return _TABLES[kernel]().nbytes if kernel in _TABLES else _BYTES.get(kernel, 0)


def table_name(step: Instruction) -> str:
    """The region of an instruction's table."""
    return f"table {step.kernel}" + (f" {step.table}" if step.table and step.kernel in _BYTES else "")


def place_bytes(p: Program, place: Place, block: int) -> int:
    """Bytes of one of a program's places for blocks of so many elements."""
    odd = any(size % 2 for q in p.places for size in (q.extent.period, q.extent.run) if size > 1)
    spare = odd or place.extent != FULL or block < _FEW
    return up(place.nbytes * place.extent.count(block) + (_SLACK if spare else 0))


def counts_at(p: Program) -> dict[int, int]:
    """For each instruction whose counts are reported, the byte of a block's record where they are."""
    found, at = {}, 0
    for number, step in enumerate(p.instructions):
        if step.kernel in COUNTED:
            found[number] = at
            at += WORD * len(COUNTED[step.kernel])
    return found


def count_bytes(p: Program) -> int:
    """Bytes of a block's record of counts."""
    return up(sum(WORD * len(COUNTED.get(step.kernel, ())) for step in p.instructions))


def region_sizes(p: Program, block: int) -> list[tuple[str, int, int]]:
    """Its regions for blocks of so many elements, as (name, bytes, places)."""
    tables = {table_name(step): table_bytes(step.kernel) for step in p.instructions}
    spilled = any(step.kernel in SPILLED for step in p.instructions)
    return [
        *((f"v{i}", place_bytes(p, place, block), place.places) for i, place in enumerate(p.places)),
        *((name, n, 1) for name, n in tables.items()),
        ("counts", count_bytes(p), 2),
        ("clamped", 8 * spilled, 1),
    ]


def needed(chain: Chain, block: int) -> int:
    """DTCM bytes for blocks of so many elements."""
    return sum(up(n) * places for _, n, places in region_sizes(planned(chain), block))


def span_of(extent: Extent, first: int, size: int) -> tuple[int, int]:
    """The elements of an operand that a block of a group needs."""
    if extent.period:
        return 0, extent.period
    return first // extent.run, -(-(first + size) // extent.run)


def arriving(chain: Chain, on: Elements, block: int) -> list[tuple[str, int, int]]:
    """Regions of what is copied when it arrives or before it leaves, as (name, bytes, places)."""
    p = planned(chain)
    found = []
    for names, lines, places in (("x", on.loads, p.loads), ("y", on.stores, p.stores)):
        for number, (i, at) in enumerate(places):
            mine = lines[i] if names == "x" else lines[number]
            if mine is None or mine.direct:
                continue
            extent = p.places[at].extent
            blocks = [(0, block)] if extent.period else on.blocks(block)
            most = max(mine.room(*span_of(extent, *b)) for b in blocks)
            found.append((f"rows {names}{i}", most, 1 if extent.period else 2))
    return found


def copies(have: int, want: int) -> Iterator[int]:
    """Sizes of the copies that repeat `have` elements until there are `want`."""
    while have < want:
        step = min(have, want - have)
        yield step
        have += step


def calls_of(p: Program, step: Instruction, block: int) -> Iterator[Call]:
    """The calls of one instruction for a block (or, where its extent has a period, once)."""
    n = step.extent.count(block)
    if step.kernel == COPY and len(set(step.sources)) == 1:
        source = p.places[step.sources[0]].extent
        if source == step.extent:
            yield call(COPY, n=n)
        elif source.run > 1:
            rows = -(-n // source.run)
            yield call(COPY, rows, n=1)
            for size in copies(1, source.run):
                yield call(COPY, rows, n=size)
        else:
            yield call(COPY, n=min(source.period, n))
            for size in copies(source.period, n):
                yield call(COPY, n=size)
    elif step.run:
        for size, count in spans(n, step.run):
            yield call(step.kernel, count, n=size)
    else:
        yield call(step.kernel, n=n)


def once(p: Program, step: Instruction) -> bool:
    """Whether an instruction's result serves all blocks of a group."""
    return p.places[step.target].held


def cleared(on: Elements, step: Instruction, first: int, size: int) -> Iterator[tuple[Entry, int]]:
    """Padding among the elements of a block that must be 0 so that a kernel does not count it: rows of it, and elements
    from one to the next; relative to the group, `low` and `high` from the start of the first row's padding."""
    if step.kernel not in COUNTED:
        return
    if on.pads is not None:
        shift = on.pads.step - on.pads.length if on.pads.dims else on.each - on.pads.length
        for entry in on.pads.cut(max(0, first - shift), max(0, first + size - shift)):
            yield entry, shift
    if step.kernel in PAIRED and size % 2:
        yield Entry(0, 1, first + size, first + size + 1), 0


def _copied(lines: Lines, low: int, high: int) -> Iterator[Call]:
    if not lines.direct:
        for e in lines.cut(low, high):
            yield call("copy_s32", planes=1, rows=e.rows, words=e.size)


def chain_calls(p: Program, on: Elements, block: int) -> Iterator[Call]:
    """All calls of the instructions, the largest block of `block` elements, with what moves and clears words."""
    sizes = spans(on.each, block)
    for step in p.instructions:
        for size, times in [(block, 1)] if once(p, step) else sizes:
            for c in calls_of(p, step, size):
                yield Call(c.kernel, c.shape, c.count * on.groups * times)
    counted = [step for step in p.instructions if step.kernel in COUNTED]
    moved_in = [(on.loads[i], p.places[at].extent) for i, at in p.loads]
    moved_out = [(lines, p.places[at].extent) for lines, (_, at) in zip(on.stores, p.stores, strict=True)]
    copied = [(x, e) for x, e in (*moved_in, *moved_out) if x is not None and not x.direct]
    for lines, extent in copied:
        if extent.period:
            for c in _copied(lines, 0, extent.period):
                yield Call(c.kernel, c.shape, on.groups)
    if not counted and all(extent.period for _, extent in copied):
        return
    for first, size in on.blocks(block):
        for lines, extent in copied:
            if not extent.period:
                for c in _copied(lines, *span_of(extent, first, size)):
                    yield Call(c.kernel, c.shape, on.groups)
        for step in counted:
            for e, _ in cleared(on, step, first, size):
                yield call("fill_s32", on.groups, rows=e.rows, words=e.size)


def recipe(chain: Chain, count: int, groups: int = 1, room: int = ROOM, name: str = "map") -> Recipe:
    """One tile of `count` elements whose values all lie side by side; see `on_elements`."""
    return on_elements(chain, flat_elements(chain, count, groups), room, name)


@lru_cache(1 << 14)
def on_elements(chain: Chain, on: Elements, room: int = ROOM, name: str = "map") -> Recipe:
    """One tile.

    room : DTCM bytes.

    Errors
    ------
    DTCMError when not even the smallest block fits; OperandError for an operation without kernels.
    """
    p = planned(chain)
    for step in p.instructions:
        if step.kernel in COUNTED and step.extent != FULL and not (step.extent == SCALAR and on.each == 1):
            raise OperandError(
                "map", step.kernel, "elements that repeat", "each once", "round before they repeat"
            )
    block = block_of(chain, on, room)
    loads, stores = transfers(p, chain, on, block)
    return Recipe(
        kernel=name,
        regions=regions((*region_sizes(p, block), *arriving(chain, on, block))),
        calls=gathered(chain_calls(p, on, block)),
        loads=loads,
        stores=stores,
        detail=(("block", block),),
    )


def block_of(chain: Chain, on: Elements, room: int, own: int = 0) -> int:
    """Elements of the blocks: equal ones, as many as fit beside `own` other bytes; DTCMError when not one unit does."""
    p = planned(chain)
    unit = p.unit
    if lcm(unit, on.step) <= LARGEST:
        unit = lcm(unit, on.step)

    def taken(block: int) -> int:
        return own + needed(chain, block) + sum(up(n) * places for _, n, places in arriving(chain, on, block))

    block = max(LARGEST // unit, 1) * unit
    while (bytes_ := taken(block)) > room:
        if block <= p.unit:
            sizes = {n: b * places for n, b, places in (*region_sizes(p, block), *arriving(chain, on, block))}
            raise DTCMError("map", bytes_, room, sizes)
        if block <= unit:
            unit = p.unit
        # most of it grows with the block, so this is not above the answer by much
        guess = block * room // bytes_ // unit * unit
        block = max(unit, min(guess, block - unit))
    blocks = -(-on.each // block)
    return min(block, -(-on.each // blocks // unit) * unit)


def moved_lines(
    lines: Lines, label: str, spans_: Iterable[tuple[int, int]], groups: int, parts: int
) -> Transfer:
    """The transfer of elements of a group, span by span."""
    pieces = nbytes = 0
    for low, high in spans_:
        for e in lines.cut(low, high):
            pieces += e.rows if lines.direct else 1
            nbytes += lines.bytes_of(e)
    return moved(label, groups * nbytes, groups * pieces, min(parts, groups * pieces))


def transfers(
    p: Program, chain: Chain, on: Elements, block: int
) -> tuple[tuple[Transfer, ...], tuple[Transfer, ...]]:
    """What arrives and leaves."""
    blocks = list(on.blocks(block))
    parts = on.groups * len(blocks)

    def moves(label: str, lines: Lines, place: Place) -> Transfer:
        if place.extent.period:
            return moved_lines(lines, label, [(0, place.extent.period)], on.groups, 1)
        return moved_lines(lines, label, (span_of(place.extent, *b) for b in blocks), on.groups, parts)

    tables = {table_name(step): table_bytes(step.kernel) for step in p.instructions}
    loads = []
    for i, at in p.loads:
        lines = on.loads[i]
        loads.append(moved(f"constant {i}", 8) if lines is None else moves(f"x{i}", lines, p.places[at]))
    loads += [moved(f"constant {number} {form}", 8) for number, form, _ in p.constants]
    loads += [moved(name, n) for name, n in tables.items() if n]
    leaving = zip(on.stores, p.stores, strict=True)
    stores = [moves(f"y{i}", x, p.places[at]) for x, (i, at) in leaving if x is not None]
    if count_bytes(p):
        stores.append(moved("counts", parts * count_bytes(p), parts))
    return tuple(loads), tuple(stores)
