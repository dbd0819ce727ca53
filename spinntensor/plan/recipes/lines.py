"""Lines: where the elements of a tile lie in SDRAM, and where among those that go through the DTCM.

A tile's elements are counted row-major, rows of its last axis `pitch` apart. A value of the same elements may have
other distances in SDRAM: rows padded to double words, channels in blocks, the bytes of another shape. What lies side
by side in both is a line; a tile is a grid of equal lines, of which the DTCM has one behind the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd, lcm, prod

from spinntensor.errors import OperandError
from spinntensor.lower.box import Box
from spinntensor.plan.layout import DOUBLE, Layout

WORD = 4
"""Bytes of the elements that a kernel moves closer to each other, or further apart."""
SHORT = 128
"""Lines of words below so many bytes, with others close by, arrive together and are moved by a kernel."""

Steps = tuple[tuple[int, int], ...]
"""Parts of an axis, the outermost first: indices, and bytes from one to the next; () where all share one element."""


def memory(layout: Layout) -> list[tuple[int, int]]:
    """All axes of a value row-major, channels in two where they lie in blocks: sizes, and bytes between neighbours."""
    item = layout.item
    if not layout.block:
        sizes = list(layout.shape or (1,))
        found, step = [(sizes[-1], item)], layout.row
    else:
        *sizes, h, w, c = layout.shape
        plane = h * layout.row
        found = [(h, layout.row), (w, layout.block * item), (c // layout.block, plane), (layout.block, item)]
        step = c // layout.block * plane
        sizes.append(1)
    for size in reversed(sizes[:-1]):
        found.insert(0, (size, step))
        step *= size
    return found


def axes_of(layout: Layout, shape: Sequence[int]) -> tuple[Steps, ...]:
    """The parts of each axis of a view of `shape` of a value; OperandError where axes are no groups of each other."""
    left = [pair for pair in memory(layout) if pair[0] != 1]
    found: list[Steps] = []
    for size in shape:
        parts: list[tuple[int, int]] = []
        while size > 1:
            if not left:
                raise OperandError(
                    "map", "operand", f"shape {tuple(shape)}", f"{layout.shape}", "copy it first"
                )
            have, step = left.pop(0)
            if size % have and have % size:
                received = f"shape {tuple(shape)} of a value of shape {layout.shape}"
                raise OperandError("map", "operand", received, "axes that are cut or joined", "copy it first")
            took = min(size, have)
            if took < have:
                left.insert(0, (have // took, step))
            parts.append((took, step * (have // took)))
            size //= took
        found.append(tuple(parts))
    return tuple(found)


def joined(
    axes: Sequence[Steps], full: Sequence[int], groups: Sequence[Sequence[int]], expanded: bool = False
) -> tuple[Steps, ...]:
    """The parts of several axes taken as one, for each group of axes; parts of equal distance are one.

    full : sizes of the axes; of those that share one element, each index is at the same place where another axis of the
        group has elements of its own, or where all are `expanded`.
    """
    found = []
    for group in groups:
        own = expanded or any(axes[a] for a in group)
        parts: list[tuple[int, int]] = []
        for a in group if own else ():
            for size, step in axes[a] or ((full[a], 0),):
                if parts and parts[-1][1] == size * step:
                    parts[-1] = (parts[-1][0] * size, step)
                elif size > 1:
                    parts.append((size, step))
        found.append(tuple(parts))
    return tuple(found)


def taken(steps: Steps, size: int) -> Steps:
    """The parts of `size` neighbours of an axis; OperandError where they are no whole ones of the inner parts."""
    found: list[tuple[int, int]] = []
    for have, step in reversed(steps):
        took = min(size, have)
        if size % took:
            raise OperandError(
                "map", "tile", f"{size} of parts of {have}", "whole ones", "cut at other places"
            )
        found.insert(0, (took, step))
        size //= took
    return tuple(found)


def start(steps: Steps, index: int) -> int:
    """Bytes before an index of an axis."""
    offset = 0
    for size, step in reversed(steps):
        index, rest = divmod(index, size)
        offset += rest * step
    return offset


def grain(steps: Steps, unit: int) -> int:
    """What divides the bytes before any multiple of `unit` indices of an axis."""
    size = prod(size for size, _ in steps)
    found = 0
    for index in range(unit, min(size, 65 * unit), unit):
        found = gcd(found, start(steps, index))
    return found


class UnevenError(OperandError):
    """The lines of an operand are not equally far apart in the DTCM; those of smaller groups may be."""


@dataclass(frozen=True)
class Entry:
    """Equal pieces of lines: `rows` of them from line `first` on, elements `low` to `high` of each."""

    first: int
    rows: int
    low: int
    high: int

    @property
    def size(self) -> int:
        return self.high - self.low


@dataclass(frozen=True)
class Lines:
    """The elements of a value that a group of a tile has, in the order of the group.

    Parameters
    ----------
    item : bytes of an element.
    length : elements of a line; padding between rows that lie side by side is part of it.
    step : elements in the DTCM from line to line.
    dims : of the lines, the outermost first: how many, and bytes in SDRAM from one to the next.
    outer : of the groups, the same.
    direct : whether transfers take the lines to where they belong; else they arrive in a region of their own, and are
        copied.
    axes : all parts of the value's axes, for the place of a tile.
    """

    item: int
    length: int
    step: int = 0
    dims: Steps = ()
    outer: Steps = ()
    direct: bool = True
    axes: tuple[Steps, ...] = ()

    @cached_property
    def count(self) -> int:
        """Lines of a group."""
        return prod(size for size, _ in self.dims)

    @cached_property
    def near(self) -> int:
        """Lines that lie at one distance from each other."""
        return self.dims[-1][0] if self.dims else 1

    @property
    def apart(self) -> int:
        """Bytes in SDRAM from one of these to the next."""
        return self.dims[-1][1] if self.dims else self.length * self.item

    def line(self, number: int) -> int:
        """Bytes before a line of a group."""
        return start(self.dims, number)

    def group(self, number: int) -> int:
        """Bytes before a group."""
        return start(self.outer, number)

    def box(self, box: Box) -> int:
        """Bytes before a tile, by its box of the full shape."""
        return sum(start(steps, span[0]) for steps, span in zip(self.axes, box, strict=True) if steps)

    def cut(self, low: int, high: int) -> Iterator[Entry]:
        """The lines of elements `low` to `high`, as few entries as there can be; each has lines at one distance."""
        if self.count == 1:
            stop = min(high, self.length)
            if low < stop:
                yield Entry(0, 1, low, stop)
            return
        first, column = divmod(low, self.step)
        last, rest = divmod(high, self.step)
        if column and first < self.count:
            stop = min(self.length, rest if first == last else self.length)
            if column < stop:
                yield Entry(first, 1, column, stop)
            first += 1
        while first < min(last, self.count):
            rows = min(last, self.count, (first // self.near + 1) * self.near) - first
            yield Entry(first, rows, 0, self.length)
            first += rows
        if first == last < self.count and rest:
            yield Entry(last, 1, 0, min(rest, self.length))

    def bytes_of(self, entry: Entry) -> int:
        """Bytes that an entry moves, in whole double words."""
        if self.direct:
            return entry.rows * doubles(entry.size * self.item)
        return doubles((entry.rows - 1) * self.apart + entry.size * self.item)

    def room(self, low: int, high: int) -> int:
        """Bytes of the region in which these elements arrive before they are copied: each entry may start anywhere in a
        double word."""
        return 0 if self.direct else sum(self.bytes_of(e) + DOUBLE for e in self.cut(low, high))


def doubles(nbytes: int) -> int:
    """`nbytes` in whole double words."""
    return -(-nbytes // DOUBLE) * DOUBLE


def flat(item: int, count: int, groups: int = 1) -> Lines:
    """Elements that lie side by side, group behind group."""
    outer = ((groups, doubles(count * item)),) if groups > 1 else ()
    return Lines(item, count, count, (), outer)


@dataclass(frozen=True)
class Frame:
    """The elements of a tile: sizes of the full shape and of the tile, the latter with rows `pitch` apart where it has
    whole rows, how many of the first axes number its groups, and multiples at which axes are cut."""

    full: tuple[int, ...]
    tile: tuple[int, ...]
    pitch: int
    prefix: int = 0
    units: tuple[int, ...] = ()

    @cached_property
    def placed(self) -> tuple[int, ...]:
        """Sizes in the DTCM."""
        whole = bool(self.tile) and self.tile[-1] == self.full[-1]
        return (*self.tile[:-1], self.pitch) if whole else self.tile

    @property
    def row(self) -> int:
        """Elements of a row, padding left out."""
        return self.tile[-1] if self.tile else 1

    @property
    def groups(self) -> int:
        return prod(self.placed[: self.prefix])

    @property
    def each(self) -> int:
        """Elements of a group."""
        return prod(self.placed[self.prefix :])

    @property
    def pads(self) -> Lines | None:
        """The padding behind the rows of a group; None where there is none."""
        last = self.placed[-1] if self.placed else 1
        rows = self.each // last
        if last == self.row:
            return None
        return Lines(WORD, last - self.row, last, ((rows, WORD * last),) if rows > 1 else ())


def lines_of(item: int, axes: tuple[Steps, ...], frame: Frame, run: int = 1, written: bool = False) -> Lines:
    """The lines of an operand or result.

    Parameters
    ----------
    item : bytes of an element.
    axes : its parts along the axes of the full shape.
    run : neighbours that share an element behind each other; the DTCM has it once.
    written : whether the tile leaves them. They leave together only if nothing but padding is between them: anything
        else belongs to other tiles.

    Errors
    ------
    OperandError where its bytes lie so that neither transfers nor kernels that move words bring them together.
    UnevenError where lines are not equally far apart among the elements.
    """
    units = frame.units or (1,) * len(frame.full)
    for steps, unit, got, size in zip(axes, units, frame.tile, frame.full, strict=True):
        _whole(steps, unit, got, size)
    parts = [taken(steps, size) if steps else () for steps, size in zip(axes, frame.tile, strict=True)]
    places: list[int] = []
    step = 1
    for size in reversed(frame.placed):
        places.insert(0, step)
        step *= size
    outer = [part if part else ((frame.tile[a], 0),) for a, part in enumerate(parts[: frame.prefix])]
    inner: list[tuple[int, int, int]] = []
    for part, place in zip(parts[frame.prefix :], places[frame.prefix :], strict=True):
        for i, (size, apart) in enumerate(part):
            inside = prod(size for size, _ in part[i + 1 :])
            if size > 1:
                inner.append((size, apart, place * inside // run))
    length = 1
    dims: list[tuple[int, int, int]] = []
    for size, apart, place in reversed(inner):
        behind = not written or apart <= doubles(length * item)
        if not dims and apart == place * item and behind:
            length += (size - 1) * place
        elif dims and place != dims[0][0] * dims[0][2]:
            received = f"{dims[0][0]} lines {dims[0][2]} elements apart, {place} to the next ones"
            raise UnevenError("map", "operand", received, "lines equally far apart", "cut along another axis")
        elif dims and apart == dims[0][0] * dims[0][1]:
            dims[0] = (size * dims[0][0], dims[0][1], dims[0][2])
        else:
            dims.insert(0, (size, apart, place))
    step = dims[-1][2] if dims else length
    bases = [apart for part in outer for size, apart in part if size > 1]
    bases += [apart for _, apart, _ in dims]
    bases += [
        grain(steps, unit)
        for steps, unit, got, size in zip(axes, units, frame.tile, frame.full, strict=True)
        if steps and got < size
    ]
    starts = all(base % DOUBLE == 0 for base in bases)
    direct = starts and (not dims or step * item % DOUBLE == 0)
    words = item == WORD
    together = words
    if dims and words:
        nbytes, apart = length * WORD, dims[-1][1]
        together = not written or (starts and apart == doubles(nbytes))
        close = nbytes < SHORT and apart <= 2 * doubles(nbytes)
        direct = direct and not (together and close)
    if not direct and not together:
        received = f"lines of {length * item} bytes, {[apart for _, apart, _ in dims]} apart"
        raise OperandError("map", "operand", received, "whole double words", "cut along another axis")
    made = tuple((size, apart) for size, apart, _ in dims)
    flattened = tuple(pair for part in outer for pair in part)
    return Lines(item, length, step, made, flattened, direct, axes)


def _whole(steps: Steps, unit: int, got: int, size: int) -> None:
    """OperandError where a tile of `got` of an axis, from a multiple of `unit` on, may lie across its inner parts."""
    inner = prod(size for size, _ in steps[1:])
    if inner > 1 and got < size and unit % inner and (inner % got or unit % got):
        raise OperandError("map", "tile", f"{got} of parts of {inner}", "whole ones", "cut at other places")


def units_of(values: Sequence[tuple[Layout, Sequence[int]]], full: Sequence[int]) -> tuple[int, ...]:
    """Multiples at which each axis is cut, so that tiles of these values (each with its sizes along the axes of the
    full shape) are whole ones of the parts in which their axes lie, and of narrow elements whole double words."""
    units = [1] * len(full)
    for layout, shape in values:
        for a, steps in enumerate(axes_of(layout, shape)):
            if not steps:
                continue
            inside = prod(size for size, _ in steps[1:])
            fine = steps[-1][1] if inside == 1 else steps[0][1]
            own = 1 if layout.item == WORD and a < len(full) - 1 else DOUBLE // gcd(DOUBLE, fine)
            units[a] = lcm(units[a], inside * own)
    return tuple(units)


def cuttable(layout: Layout, shape: Sequence[int], tile: Sequence[int]) -> bool:
    """Whether tiles of these sizes are whole double words of a value: those before an axis that is cut are."""
    axes = axes_of(layout, shape)
    last = max((a for a, (got, size) in enumerate(zip(tile, shape, strict=True)) if got < size), default=-1)
    return all(step % DOUBLE == 0 for steps in axes[: max(last, 0)] for _, step in steps)
