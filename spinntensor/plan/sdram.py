"""Addresses in the SDRAM of a chip: values lie on the same bytes when the stages between which they stay do not meet.

Placement is the greedy one by size: the largest value first, each in the tightest gap that is free in all its stages.
Images of a batch that the same workers compute in stage after stage lie in an arena for each image, so that such
workers never wait for others only because of memory. Addresses count from the first byte that applications may have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from spinntensor.errors import SDRAMError
from spinntensor.machine.facts import Facts
from spinntensor.plan.needs import Place
from spinntensor.plan.plan import Buffer
from spinntensor.plan.room import consumers, smallest
from spinntensor.plan.values import Value

ALIGN = 8
"""Bytes of a double word, which the DMA controller moves."""


@dataclass(frozen=True)
class Reuse:
    """Bytes that hold one value, then another: who writes the one behind waits for all who use the one ahead.

    batches : how many batches ago the one ahead lay there, 0 or 1.
    images : whether each image of both lies in its own arena; then only those wait that work on the same images.
    """

    ahead: Place
    behind: Place
    batches: int
    images: bool


@dataclass(frozen=True)
class Memory:
    """A placement.

    Parameters
    ----------
    buffers : one for each value, in their order.
    nbytes : the end of the highest buffer: what the plan takes at its fullest.
    live : the most bytes that are in use in one stage; what `nbytes` has more was lost to gaps.
    reuses : what workers have to wait for because of it.
    """

    buffers: tuple[Buffer, ...]
    nbytes: int
    live: int
    reuses: tuple[Reuse, ...]


def placed(values: Sequence[Value], facts: Facts, images: int = 1) -> Memory:
    """Places values in the SDRAM of one chip, in arenas of images where these fit, else without.

    images : of a batch, for the error: SDRAMError says what takes most, and which machine would do.
    """
    limit = facts.sdram_usable_bytes
    memory = _placed(values)
    if memory.nbytes > limit and any(v.owners for v in values):
        memory = _placed([_plain(v) for v in values])
    if memory.nbytes > limit:
        machine, reason = smallest(values, memory.nbytes, limit, images)
        raise SDRAMError(memory.nbytes, limit, consumers(values), machine, reason)
    return memory


def check(values: Sequence[Value], facts: Facts, images: int = 1) -> None:
    """SDRAMError where even the values that live at the same time are too many bytes, wherever they lie."""
    limit, live = facts.sdram_usable_bytes, live_bytes(values)
    if live > limit:
        machine, reason = smallest(values, live, limit, images)
        raise SDRAMError(live, limit, consumers(values), machine, reason)


def _plain(value: Value) -> Value:
    """A value that lies in one piece, without arenas."""
    return replace(value, nbytes=value.nbytes * max(1, len(value.owners)), owners=())


@dataclass(frozen=True)
class _Block:
    """What is placed: bytes, stages, phase (-1: must not share with any phase's)."""

    nbytes: int
    first: int
    last: int
    phase: int
    always: bool

    def meets(self, other: _Block) -> bool:
        """Whether two may not share bytes."""
        if self.always or other.always or self.phase != other.phase:
            return True
        return self.first <= other.last and other.first <= self.last


def _block(value: Value) -> _Block:
    nbytes = value.nbytes * value.copies
    return _Block(nbytes, value.first, value.last, value.phase, value.first < 0 or value.copies > 1)


def _placed(values: Sequence[Value]) -> Memory:
    arenas: dict[tuple[object, int], list[int]] = {}
    alone: list[int] = []
    for i, value in enumerate(values):
        if value.owners:
            arenas.setdefault((value.owners, value.phase), []).append(i)
        else:
            alone.append(i)
    offsets: dict[int, int] = {}
    blocks = [_block(values[i]) for i in alone]
    strides = []
    for (_, phase), members in arenas.items():
        inside = [_block(values[i]) for i in members]
        for i, offset in zip(members, fitted(inside), strict=True):
            offsets[i] = offset
        stride = max(offsets[i] + values[i].nbytes for i in members)
        strides.append(stride)
        first, last = min(b.first for b in inside), max(b.last for b in inside)
        count = len(values[members[0]].owners)
        blocks.append(_Block(stride * count, first, last, phase, False))
    bases = fitted(blocks)
    buffers: dict[int, Buffer] = {}
    for i, base in zip(alone, bases, strict=False):
        buffers[i] = _buffer(values[i], base, values[i].copies, values[i].nbytes)
    for members, stride, base in zip(arenas.values(), strides, bases[len(alone) :], strict=True):
        for i in members:
            buffers[i] = _buffer(values[i], base + offsets[i], len(values[i].owners), stride)
    listed = tuple(buffers[i] for i in range(len(values)))
    nbytes = max((b + block.nbytes for b, block in zip(bases, blocks, strict=True)), default=0)
    groups = {i: number for number, members in enumerate(arenas.values()) for i in members}
    return Memory(listed, nbytes, live_bytes(values), tuple(_reuses(values, listed, groups)))


def _buffer(value: Value, address: int, copies: int, stride: int) -> Buffer:
    return Buffer(
        value.name,
        value.role,
        address,
        value.nbytes,
        value.first,
        value.last,
        value.node,
        copies,
        stride if copies > 1 else 0,
    )


def fitted(blocks: Sequence[_Block]) -> list[int]:
    """An address for each block, multiples of `ALIGN`: the largest first, each in the tightest gap it fits."""
    found = [0] * len(blocks)
    done: list[int] = []
    for i in sorted(range(len(blocks)), key=lambda i: (-blocks[i].nbytes, blocks[i].first, i)):
        taken = sorted((found[j], found[j] + blocks[j].nbytes) for j in done if blocks[i].meets(blocks[j]))
        best, at = None, 0
        for start, end in taken:
            gap = start - at
            if gap >= blocks[i].nbytes and (best is None or gap < best[0]):
                best = gap, at
            at = max(at, -(-end // ALIGN) * ALIGN)
        found[i] = best[1] if best else at
        done.append(i)
    return found


def fullest(values: Sequence[Value]) -> int:
    """The stage in which most bytes are in use, of values in one phase."""
    mortal = [v for v in values if v.first >= 0]
    sizes = {s: sum(v.total for v in mortal if v.first <= s <= v.last) for s in {v.first for v in mortal}}
    return max(sizes, key=lambda s: (sizes[s], -s), default=0)


def live_bytes(values: Sequence[Value]) -> int:
    """The most bytes in use in any stage; phases are in use all at once."""
    always = sum(v.total for v in values if v.first < 0 or v.copies > 1)
    most: dict[int, int] = {}
    others = [v for v in values if v.first >= 0 and v.copies == 1]
    for stage in sorted({v.first for v in others}):
        for phase in {v.phase for v in others}:
            total = sum(v.total for v in others if v.phase == phase and v.first <= stage <= v.last)
            most[phase] = max(most.get(phase, 0), total)
    return always + sum(most.values())


def _reuses(values: Sequence[Value], buffers: Sequence[Buffer], groups: dict[int, int]) -> Iterator[Reuse]:
    """For each value, those that lay on its bytes before, back to the last one on each byte."""
    mortal = [i for i, v in enumerate(values) if v.first >= 0 and v.copies == 1 and v.place is not None]
    mortal.sort(key=lambda i: -values[i].last)
    for i in mortal:
        mine = values[i]
        others = [j for j in mortal if values[j].phase == mine.phase]
        before = [(j, 0) for j in others if values[j].last < mine.first]
        before += [(j, 1) for j in others if values[j].first > mine.last]
        left = [_reach(buffers[i], i in groups)]
        for j, batches in before:
            together = i in groups and groups[i] == groups.get(j)
            taken, own = _reach(buffers[j], together), _reach(buffers[i], together)
            if not left or not _overlap(taken, own):
                continue
            if together or i not in groups:
                if not any(_overlap(taken, span) for span in left):
                    continue
                if together or buffers[j].copies == 1:
                    left = list(_without(left, taken))
            ahead, behind = values[j].place, mine.place
            assert ahead is not None and behind is not None
            yield Reuse(ahead, behind, batches, together)


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _without(spans: Iterable[tuple[int, int]], gone: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """What is left of spans without one."""
    for start, end in spans:
        for part in ((start, min(end, gone[0])), (max(start, gone[1]), end)):
            if part[0] < part[1]:
                yield part


def _reach(buffer: Buffer, one: bool) -> tuple[int, int]:
    """Addresses from the first byte of a buffer to the one behind the last, of its first place or of all."""
    places = 1 if one else buffer.copies
    return buffer.address, buffer.address + (places - 1) * buffer.stride + buffer.nbytes


def peak(buffers: Iterable[Buffer]) -> int:
    """The end of the highest buffer."""
    return max((_reach(b, False)[1] for b in buffers), default=0)
