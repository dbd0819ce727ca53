"""Recipes of what only moves or makes numbers: copies between layouts, fills, rows of softmax.

A block of the result is a box. What of an operand lies in it arrives as that lies in SDRAM, and words are copied to
where they belong, in as few runs as a kernel with three loops needs; where runs are whole double words on both sides,
the DMA controller does it alone. Narrower elements become float32 for that, and what they were again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import lcm, prod

from spinntensor.errors import DTCMError, OperandError
from spinntensor.kernels._float_tables import exp_table, log_table
from spinntensor.lower.box import Span
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Call, Recipe
from spinntensor.plan.recipes.lines import Lines, Steps, doubles
from spinntensor.plan.recipes.lines import start as start_of
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up

WORD = 4
BLOCK_BYTES = 8192
"""Bytes that are in the DTCM at a time at most."""
CLOSE = 32
"""Bytes between lines of an operand that arrive with them rather than in transfers of their own."""
WIDENED: Mapping[int, tuple[str, str]] = {
    2: ("bfp16_to_f32", "bfp16_from_f32"),
    1: ("f32_from_s8", "f32_to_s8"),
}
"""Kernels that make words of elements of so many bytes, and back."""


@dataclass(frozen=True)
class Follow:
    """How an axis of the result follows one of an operand.

    Parameters
    ----------
    steps : parts of the operand's axis, with bytes between neighbours; () where the result repeats one element.
    size : elements of the operand along it.
    first, by : index of the result that element 0 goes to, and from one element to the next; by 0 element `first` is
        index 0 of the result, and `taken` more is the next.
    """

    steps: Steps
    size: int
    first: int = 0
    by: int = 1
    taken: int = 0

    def part(self, span: Span) -> Part:
        """What of the operand lies in a span of the result."""
        low, high = span
        if not self.steps:
            return Part(0, high - low, 0, 1, 0)
        if self.by == 0:
            return Part(self.first + low * self.taken, high - low, 0, 1, self.taken)
        start, stop = put(span, self.first, self.by, self.size)
        return Part(start, stop - start, self.first + start * self.by - low, self.by, 1)

    def most(self, size: int) -> int:
        """Elements of the operand in `size` neighbours at most."""
        return min(self.size, -(-size // abs(self.by))) if self.steps and self.by else size


@dataclass(frozen=True)
class Part:
    """Elements of an operand along an axis: `count` of them from `start` on, each `taken` behind the one before; the
    first goes to index `to` of a block, each other one `by` further."""

    start: int
    count: int
    to: int
    by: int
    taken: int


def put(span: Span, start: int, by: int, count: int) -> Span:
    """Which of `count` elements, put at start, start + by, ..., lie in a span."""
    first, last = span
    if by < 0:
        first, last, start, by = -last + 1, -first + 1, -start, -by
    low, high = max(-((start - first) // by), 0), min(-((start - last) // by), count)
    return (low, high) if low < high and span[0] < span[1] else (0, 0)


Source = tuple[Follow, ...]
"""An operand: how each axis of the result follows it."""


@dataclass(frozen=True)
class Loop:
    """A loop over elements: how many, bytes from one to the next in SDRAM, where they arrive, and in the block."""

    count: int
    apart: int
    x: int
    y: int


@dataclass(frozen=True)
class Copied:
    """What of an operand lies in a block.

    Parameters
    ----------
    base : bytes of the operand before what arrives, and `lines`: how many transfers, and bytes between them.
    nbytes : of each; `pitch` : from one to the next where they arrive.
    start : byte of the first element behind the first that arrives; `to`: of its place in the block.
    loops : from the innermost to the outermost.
    """

    base: int
    lines: Steps
    nbytes: int
    pitch: int
    start: int
    to: int
    loops: tuple[Loop, ...]

    @property
    def room(self) -> int:
        """Bytes where it arrives."""
        return self.pitch * prod(count for count, _ in self.lines)

    def runs(self) -> tuple[tuple[Loop, ...], tuple[Loop, ...]]:
        """The loops of a kernel that copies (words, rows, planes), and those around it."""
        words = next((one for one in self.loops if one.x == one.y == WORD), Loop(1, 0, 0, 0))
        left = sorted((one for one in self.loops if one is not words), key=lambda one: -one.count)
        inner = (left + [Loop(1, 0, 0, 0)] * 2)[:2]
        return (words, *inner), tuple(left[2:])


def copied(parts: Sequence[Part], source: Source, item: int, places: Sequence[int]) -> Copied | None:
    """The part of an operand that lies in a block, by its part along each axis; `places`: bytes in the block from one
    index to the next. None where nothing of it does; OperandError where axes of several parts are not whole."""
    base = start = to = 0
    dims: list[tuple[int, int, int, int]] = []  # count, bytes in SDRAM, sign, bytes in the block
    for part, follow, place in zip(parts, source, places, strict=True):
        if part.count < 1:
            return None
        to += part.to * place
        if not follow.steps:
            dims.append((part.count, 0, 1, place))
            continue
        if len(follow.steps) > 1:
            (inner, fine), low = follow.steps[-1], part.start
            if part.taken == 1 and low % inner + part.count <= inner:
                base += start_of(follow.steps, low)
                dims.append((part.count, fine, 1, place * part.by))
                continue
            if part.taken == 1 and len(follow.steps) == 2 and not (low % inner or part.count % inner):
                base += start_of(follow.steps, low)
                dims.append((part.count // inner, follow.steps[0][1], 1, place * part.by * inner))
                dims.append((inner, fine, 1, place * part.by))
                continue
            if part.count != follow.size or part.taken != 1:
                received = f"{part.count} of {follow.size}"
                raise OperandError("move", "axis", received, "whole axes of other shapes", "copy it first")
            inside = 1
            for size, apart in reversed(follow.steps):
                dims.append((size, apart, 1, place * part.by * inside))
                inside *= size
            continue
        ((_, apart),) = follow.steps
        low = part.start + min(0, (part.count - 1) * part.taken)
        base += low * apart
        dims.append((part.count, apart * abs(part.taken), 1 if part.taken > 0 else -1, place * part.by))
    dims = [one for one in dims if one[0] > 1]
    nbytes = item
    lines: list[tuple[int, int]] = []
    loops = []
    taken = sorted((d for d in dims if d[1]), key=lambda d: d[1])
    odd = [i for i, d in enumerate(taken) if d[1] % DOUBLE]
    open_ = True
    for i, (count, apart, sign, place) in enumerate(taken):
        near = apart <= nbytes or apart - nbytes < CLOSE or i <= max(odd, default=-1)
        open_ = open_ and near
        if open_:
            nbytes += (count - 1) * apart
        else:
            lines.insert(0, (count, apart))
        loops.append((count, apart, sign, place, open_))
    pitch = doubles(nbytes + DOUBLE - item)
    made, step = [Loop(count, 0, 0, place) for count, apart, _, place in dims if not apart], pitch
    for count, apart, sign, place, inside in loops:
        x = apart if inside else step
        step = step if inside else step * count
        start += (count - 1) * x if sign < 0 else 0
        made.append(Loop(count, apart, sign * x, place))
    made.sort(key=lambda one: abs(one.y))
    return Copied(base, tuple(lines), nbytes, pitch, start, to, _merged(made))


def _merged(loops: list[Loop]) -> tuple[Loop, ...]:
    """Loops that go on where the one inside ends as one."""
    found: list[Loop] = []
    for one in loops:
        last = found[-1] if found else None
        if last is not None and (one.x, one.y) == (last.x * last.count, last.y * last.count):
            found[-1] = Loop(last.count * one.count, last.apart, last.x, last.y)
        else:
            found.append(one)
    return tuple(found)


def places_of(block: Sequence[int], row: int, item: int) -> list[int]:
    """Bytes from index to index of each axis of a block with `row` elements from row to row."""
    found: list[int] = []
    step = item
    for i, size in enumerate(reversed(block)):
        found.insert(0, step)
        step *= row if i == 0 else size
    return found


@dataclass(frozen=True)
class Moved:
    """A tile of what is moved.

    Parameters
    ----------
    item : bytes of an element.
    full, tile : sizes of the result, of one block of its channels where it lies in such, and of the tile.
    row : elements from row to row of whole rows in SDRAM.
    sources : the operands.
    empty : whether what no operand gives is 0.
    """

    item: int
    full: tuple[int, ...]
    tile: tuple[int, ...]
    row: int
    sources: tuple[Source, ...]
    empty: bool

    @property
    def units(self) -> tuple[int, ...]:
        """Multiples at which each axis is cut: of the inner parts of the axes that it follows."""
        found = [1] * len(self.full)
        for source in self.sources:
            for axis, follow in enumerate(source):
                if len(follow.steps) > 1 and follow.by == 1:
                    found[axis] = lcm(found[axis], prod(size for size, _ in follow.steps[1:]))
        if found:
            found[-1] = lcm(found[-1], DOUBLE // self.item)
        return tuple(found)

    def width(self, block: Sequence[int]) -> int:
        """Elements from row to row of a block."""
        if not block:
            return DOUBLE // self.item
        return self.row if block[-1] == self.full[-1] else block[-1]

    def nbytes(self, block: Sequence[int]) -> int:
        """Bytes of a block of these sizes."""
        return up(prod(block[:-1]) * self.width(block) * self.item)

    def copies(self, block: Sequence[int], wide: bool) -> Iterator[Copied]:
        """The most of each operand that lies in a block of these sizes; `wide`: its elements are words there."""
        places = places_of(block, self.width(block), WORD if wide else self.item)
        for source in self.sources:
            parts = [
                Part(0, f.most(size), 0, f.by or 1, f.taken or 1)
                for f, size in zip(source, block, strict=True)
            ]
            found = copied(parts, source, self.item, places)
            if found is not None:
                yield found

    def blocks(self, block: Sequence[int]) -> Iterator[tuple[Span, ...]]:
        """The blocks of a tile, by spans from its first element on."""
        axes = (
            [(at, min(at + size, whole)) for at in range(0, whole, size)]
            for size, whole in zip(block, self.tile, strict=True)
        )
        return product(*axes)


def smaller(work: Moved, fits: int) -> tuple[int, ...]:
    """Sizes of blocks whose bytes are at most `fits`: the outer axes are cut first, the last one at double words."""
    block = list(work.tile)
    while work.nbytes(block) > fits:
        axis = next(
            (a for a, (size, unit) in enumerate(zip(block, work.units, strict=True)) if size > unit), None
        )
        if axis is None:
            break
        unit, half = work.units[axis], (block[axis] + 1) // 2
        block[axis] = -(-half // unit) * unit
    return tuple(block)


def aligned(work: Moved, block: Sequence[int]) -> bool:
    """Whether transfers take all operands straight to their places: runs of whole double words on both sides."""
    places = places_of(block, work.width(block), work.item)
    return all(_aligned(work.item, source, places) for source in work.sources)


def _aligned(item: int, source: Source, places: Sequence[int]) -> bool:
    found = False
    for follow, place in zip(source, places, strict=True):
        step = 1 if follow.by == 1 else follow.taken
        apart = [apart for _, apart in follow.steps]
        if apart[-1:] == [item] and place == item and step == 1:
            inner, _ = follow.steps[-1]
            found = not any(n * item % DOUBLE for n in (follow.first, follow.size, inner))
            if not found or any(one % DOUBLE for one in apart[:-1]):
                return False
        elif any(one % DOUBLE for one in apart) or (place % DOUBLE and follow.most(2) > 1):
            return False
    return found


@lru_cache(1 << 12)
def move(work: Moved, room: int = ROOM, alone: bool = False) -> Recipe:
    """A tile of what lies elsewhere in SDRAM: slice, place, concatenate, pad, transpose, broadcast_to, reshape.

    alone : whether the DMA controller does it without a kernel that copies.

    Errors
    ------
    OperandError where runs are no whole double words and the controller is to do it `alone`; DTCMError when not even
    the smallest block fits.
    """
    fits = min(BLOCK_BYTES, room // 4)
    while True:
        block = smaller(work, fits)
        sizes_ = _regions(work, block, alone)
        needed = sum(up(n) * places for _, n, places in sizes_)
        if needed <= room and (alone or sizes_[0][1] <= 2 * BLOCK_BYTES):
            break
        if fits < DOUBLE:
            raise DTCMError("move", needed, room, {name: n * places for name, n, places in sizes_})
        fits //= 2
    if alone and not aligned(work, block):
        raise OperandError("move", "runs", "parts of double words", "whole double words", "copy words")
    counts: dict[tuple[int, ...], int] = {}
    for box in work.blocks(block):
        size = tuple(stop - start for start, stop in box)
        counts[size] = counts.get(size, 0) + 1
    calls: list[Call] = []
    pieces = nbytes = stores = stored = 0
    for size, count in counts.items():
        for one in _calls(work, size, alone):
            calls.append(Call(one.kernel, one.shape, one.count * count))
        for copy in work.copies(size, False):
            lines = _direct_pieces(work, copy) if alone else prod(n for n, _ in copy.lines)
            pieces += count * lines
            nbytes += count * (_direct_bytes(work, copy) if alone else lines * copy.pitch)
        stored += count * work.nbytes(size)
        stores += count * _store_pieces(work, size)
    total = sum(counts.values())
    return Recipe(
        kernel="dma" if alone else "copy",
        regions=regions(sizes_),
        calls=gathered(calls),
        loads=(moved("x", nbytes, pieces, min(pieces, total)),) if pieces else (),
        stores=(moved("y", stored, stores, min(total, stores)),),
        detail=(("block", block),),
    )


def _direct_pieces(work: Moved, copy: Copied) -> int:
    return prod(one.count for one in copy.loops if not (one.apart == one.y == work.item))


def _direct_bytes(work: Moved, copy: Copied) -> int:
    return work.item * prod(one.count for one in copy.loops)


def _store_pieces(work: Moved, block: Sequence[int]) -> int:
    """Transfers in which a block leaves: whole inner axes are one."""
    pieces, whole = 1, True
    for got, size in zip(reversed(block), reversed(work.full), strict=True):
        pieces *= 1 if whole else got
        whole = whole and got == size
    return pieces


def _regions(work: Moved, block: Sequence[int], alone: bool) -> list[tuple[str, int, int]]:
    y = work.nbytes(block)
    if alone:
        return [("y", y, 2)]
    x = sum(copy.room for copy in work.copies(block, False))
    if work.item == WORD:
        return [("x", x, 2), ("y", y, 2)]
    wide = WORD // work.item
    return [("x", x, 2), ("from", x * wide, 1), ("to", y * wide, 1), ("y", y, 2), ("counts", DOUBLE, 1)]


def _calls(work: Moved, block: Sequence[int], alone: bool) -> Iterator[Call]:
    wide = work.item != WORD and not alone
    words = work.nbytes(block) // (work.item if wide else WORD)
    if work.empty:
        yield call("fill_s32", rows=1, words=words)
    for copy in () if alone else work.copies(block, wide):
        if wide:
            yield call(WIDENED[work.item][0], n=copy.room // work.item)
        (run, rows_, planes), around = widened(copy, work.item).runs() if wide else copy.runs()
        yield call(
            "copy_s32",
            prod(one.count for one in around),
            planes=planes.count,
            rows=rows_.count,
            words=run.count,
        )
    if wide:
        yield call(WIDENED[work.item][1], n=words)


def widened(copy: Copied, item: int) -> Copied:
    """What lies in a block when its elements have become words: where it comes from then."""
    wide = WORD // item
    loops = tuple(Loop(one.count, one.apart, one.x * wide, one.y) for one in copy.loops)
    return Copied(
        copy.base,
        copy.lines,
        copy.nbytes * wide,
        copy.pitch * wide,
        copy.start * wide,
        copy.to,
        _merged(list(loops)),
    )


def fill(nbytes: int) -> Recipe:
    """`nbytes` of one number: a block of it, which is stored again and again."""
    block = min(BLOCK_BYTES, up(nbytes))
    return Recipe(
        kernel="fill",
        regions=regions((("y", block, 1),)),
        calls=(call("fill_s32", rows=1, words=block // WORD),),
        loads=(),
        stores=(moved("y", nbytes, -(-nbytes // block)),),
        detail=(("block", block),),
    )


def known(nbytes: int) -> Recipe:
    """`nbytes` that are known beforehand."""
    block = min(BLOCK_BYTES, up(nbytes))
    blocks = -(-nbytes // block)
    return Recipe(
        kernel="known",
        regions=regions((("y", block, 2),)),
        calls=(),
        loads=(moved("x", nbytes, blocks, blocks),),
        stores=(moved("y", nbytes, blocks, blocks),),
        detail=(("block", block),),
    )


@dataclass(frozen=True)
class Softmax:
    """Rows of softmax: `rows` of `columns`, `pitch` elements apart in the DTCM, and how they lie in SDRAM."""

    rows: int
    columns: int
    pitch: int
    x: Lines
    y: Lines


@lru_cache(1 << 12)
def softmax(work: Softmax, log: bool = False, room: int = ROOM) -> Recipe:
    """Softmax or log softmax of float32 rows, whole rows in the DTCM; DTCMError when one does not fit."""
    kernel = "f32_log_softmax" if log else "f32_softmax"
    tables = (("exp", exp_table().nbytes, 1), ("log", log_table().nbytes if log else 0, 1))
    row = WORD * work.pitch
    block = min(work.rows, max(1, BLOCK_BYTES // row))
    while True:
        block += block % 2 if work.pitch % 2 and block < work.rows else 0
        parts = [(at, min(at + block, work.rows)) for at in range(0, work.rows, block)]
        ends = [(a * work.pitch, b * work.pitch) for a, b in parts]
        arriving = tuple(
            (f"rows {name}", max(lines.room(*span) for span in ends), 2)
            for name, lines in (("x", work.x), ("y", work.y))
        )
        sizes_ = (("x", row * block, 2), ("y", row * block, 2), *tables, *arriving)
        needed = sum(up(n) * places for _, n, places in sizes_)
        if needed <= room:
            break
        if block <= 1 + work.pitch % 2:
            raise DTCMError(kernel, needed, room, {name: n * places for name, n, places in sizes_})
        block //= 2
    calls: list[Call] = []
    for size, count in spans(work.rows, block):
        together = work.pitch == work.columns
        calls.append(
            call(kernel, count * (1 if together else size), m=size if together else 1, n=work.columns)
        )
    for lines in (work.x, work.y):
        for span in ends if not lines.direct else ():
            calls += [call("copy_s32", planes=1, rows=e.rows, words=e.size) for e in lines.cut(*span)]

    def moves(name: str, lines: Lines) -> tuple[int, int]:
        found = [e for span in ends for e in lines.cut(*span)]
        return sum(map(lines.bytes_of, found)), sum(e.rows if lines.direct else 1 for e in found)

    return Recipe(
        kernel=kernel,
        regions=regions(sizes_),
        calls=gathered(calls),
        loads=(
            moved("x", *moves("x", work.x), len(parts)),
            *(moved(f"table {n}", b) for n, b, _ in tables if b),
        ),
        stores=(moved("y", *moves("y", work.y), len(parts)),),
        detail=(("block", block),),
    )
