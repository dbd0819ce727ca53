"""Turns a worker's tiles into one row of commands: transfers start as early as the DTCM allows, waits come as late.

Tiles say what happens in plain order. A fetch may start as soon as the last kernel that used its bytes of the DTCM is
done and the last store from them was started (the DMA controller works in the order in which it is told); a kernel
waits for just those transfers that touch what it reads or writes. So the operands of the next tile, and the next part
of streamed weights, arrive while this tile computes, wherever a region has a second place. What a place still holds is
not fetched again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spinntensor import abi
from spinntensor.abi import memory
from spinntensor.abi.struct import WORD
from spinntensor.errors import DTCMError, OperandError
from spinntensor.image.emit.action import SHIFT, Fetch, Spot, Step, Store, TileCode, Where, Word
from spinntensor.plan.recipe import Region

CROWD = 12
"""Fetches that start before the same kernel at most, so that the software queue need not hold a whole tile."""
AHEAD = 1
"""Tiles by which a fetch may start early."""
GRAIN = 8
"""Bytes of the DTCM that are looked at together."""


@dataclass(frozen=True)
class Move:
    """Start a transfer between SDRAM and DTCM; `tile` and `operand` say what it is for."""

    tile: int
    operand: str
    system: Where
    tcm: int
    nbytes: int
    to_system: bool = False


@dataclass(frozen=True)
class Patch:
    """A word of a record that is made when the kernel is called: field number `field` becomes `add` more than what
    `conversion` makes of the word at DTCM address `address`, modulo 2**32 (see `action.Word`); or of `count` words."""

    field: int
    address: int
    conversion: str
    add: int
    count: int = 1


@dataclass(frozen=True)
class Call:
    """Enter a kernel when at most `left` of the moves started so far are under way (None: without waiting); the fields
    that `patches` name are 0 in `words`."""

    tile: int
    kernel: str
    words: Mapping[str, int]
    left: int | None
    patches: tuple[Patch, ...] = ()


@dataclass(frozen=True)
class Row:
    """The commands of a worker's tiles between two doorbells.

    ends : for each tile, the number of commands up to its last one; what lies between two of these makes a procedure.
    """

    commands: tuple[Move | Call, ...]
    ends: tuple[int, ...]


@dataclass(frozen=True)
class Access:
    """Bytes of the DTCM that an action uses."""

    start: int
    stop: int
    writes: bool


class Addresses:
    """Where the regions of a tile lie, one behind the other, each with its places."""

    def __init__(self, name: str, regions: Sequence[Region], base: int) -> None:
        self.places: dict[str, tuple[int, int, int]] = {}
        at = base
        for region in regions:
            self.places[region.name] = at, region.nbytes, region.places
            at += region.total
        if at > memory.STACK_LIMIT:
            sizes = {region.name: region.total for region in regions}
            raise DTCMError(name, at - base, memory.STACK_LIMIT - base, sizes)

    def of(self, spot: Spot, tile: int) -> tuple[int, int]:
        """First byte of a spot, and the byte behind its last."""
        at, nbytes, places = self.places[spot.region]
        start = at + (spot.turn + spot.turns * tile) % places * nbytes
        stop = start + (spot.offset + spot.nbytes if spot.nbytes else nbytes)
        if not spot.back <= spot.offset <= nbytes or stop > start + nbytes:
            received = f"bytes {spot.offset} to {stop - start} of {spot.region}"
            raise OperandError("tile", "spot", received, f"bytes 0 to {nbytes}", "correct the emitter")
        return start + spot.offset, stop


def overlapped(tiles: Sequence[TileCode], base: int) -> Row:
    """The commands that run `tiles` in order, their regions from DTCM address `base` on.

    DTCMError where regions do not fit; OperandError for a transfer that is not of whole double words.
    """
    made = _Row(base)
    for number, tile in enumerate(tiles):
        made.add(number, tile)
    return made.done()


class _Row:
    """A row while it is made: `items` are kernels and stores in order, `slots` the fetches before each of them."""

    def __init__(self, base: int) -> None:
        grains = (memory.DTCM_END - memory.DTCM_BASE) // GRAIN
        self.base = base
        self.used = np.full(grains, -1, np.int64)  # last item that used a grain
        self.held = np.full(grains, -1, np.int64)  # fetch whose bytes lie there
        self.items: list[
            tuple[int, Step | Store, tuple[Access, ...], Mapping[str, int], tuple[Patch, ...]]
        ] = []
        self.slots: list[list[tuple[Move, int, int]]] = [[]]
        self.sources: list[tuple[Where, int, int]] = []
        self.stored: dict[int, int] = {}  # 64 bytes of SDRAM -> last item that stored there
        self.firsts: list[int] = []
        self.lasts: list[int] = []
        self.latest = 0

    def add(self, number: int, tile: TileCode) -> None:
        """One more tile."""
        where = Addresses(tile.name, tile.regions, self.base)
        self.firsts.append(len(self.items))
        for action in tile.actions:
            if isinstance(action, Fetch):
                self._fetch(number, action, where)
            elif isinstance(action, Store):
                self._store(number, action, where)
            else:
                self._step(number, action, where)
        self.lasts.append(len(self.items))

    def _fetch(self, tile: int, fetch: Fetch, where: Addresses) -> None:
        start, _ = where.of(fetch.to, tile)
        stop = start + fetch.nbytes
        _checked(fetch.operand, fetch.source, start, fetch.nbytes)
        if stop > where.of(replace(fetch.to, offset=0, nbytes=0), tile)[1]:
            received = f"{fetch.nbytes} bytes to byte {fetch.to.offset} of {fetch.to.region}"
            raise OperandError(
                "tile", fetch.operand, received, "bytes within the region", "correct the emitter"
            )
        grains = slice(*_grains(start, stop))
        last = self._stored_at(fetch.source, fetch.nbytes)
        known = self.held[grains]
        if known[0] >= 0 and (known == known[0]).all():
            source, at, when = self.sources[known[0]]
            shift = start - at
            if source + shift == fetch.source and last <= when:
                return
        slot = max(self.latest, int(self.used[grains].max()) + 1, last + 1)
        slot = max(slot, self.firsts[max(0, tile - AHEAD)])
        while slot < len(self.items) and len(self.slots[slot]) >= CROWD:
            slot += 1
        self.latest = slot
        self.held[grains] = len(self.sources)
        self.sources.append((fetch.source, start, len(self.items) - 1))
        self.slots[slot].append((Move(tile, fetch.operand, fetch.source, start, fetch.nbytes), start, stop))

    def _store(self, tile: int, store: Store, where: Addresses) -> None:
        start, _ = where.of(store.source, tile)
        _checked(store.operand, store.to, start, store.nbytes)
        stop = start + store.nbytes
        self._append(tile, store, (Access(start, stop, False),), {})
        for grain in range(store.to.address >> 6, (store.to.address + store.nbytes - 1 >> 6) + 1):
            self.stored[grain] = len(self.items) - 1

    def _step(self, tile: int, step: Step, where: Addresses) -> None:
        record = abi.KERNELS[step.kernel]
        words, accesses, patches = {}, [], []
        for number, field in enumerate(record.fields):
            word = step.words[field.name]
            if isinstance(word, Spot):
                start, stop = where.of(word, tile)
                writes = not field.ctype.startswith("const")
                accesses.append(Access(start - word.back, stop, writes))
                words[field.name] = start
            elif isinstance(word, Word):
                start, stop = where.of(word.spot, tile)
                count = (stop - start) // WORD if word.conversion == SHIFT else 1
                accesses.append(Access(start, start + WORD * count, False))
                words[field.name] = 0
                patches.append(Patch(number, start, word.conversion, word.add, count))
            else:
                words[field.name] = word
        if len(step.words) != len(record.fields):
            unknown = sorted(set(step.words) - set(record.names))
            raise OperandError(step.kernel, "arguments", unknown, list(record.names), "correct the emitter")
        self._append(tile, step, tuple(accesses), words, tuple(patches))

    def _append(
        self,
        tile: int,
        item: Step | Store,
        accesses: tuple[Access, ...],
        words: Mapping[str, int],
        patches: tuple[Patch, ...] = (),
    ) -> None:
        for access in accesses:
            grains = slice(*_grains(access.start, access.stop))
            self.used[grains] = len(self.items)
            if access.writes:
                self.held[grains] = -1
        self.items.append((tile, item, accesses, words, patches))
        self.slots.append([])

    def _stored_at(self, source: Where, nbytes: int) -> int:
        """The last item that stored to some of these bytes of SDRAM."""
        if not self.stored:
            return -1
        grains = range(source.address >> 6, (source.address + nbytes - 1 >> 6) + 1)
        return max(self.stored.get(grain, -1) for grain in grains)

    def done(self) -> Row:
        """All commands, kernels with the number of transfers that they leave under way."""
        count = len(self.used)
        fetched, storing = (
            np.zeros(count, np.int64),
            np.zeros(count, np.int64),
        )  # ordinal of the last transfer
        commands: list[Move | Call] = []
        moves, finished = 0, 0
        ends: list[int] = []
        tiles = iter(self.lasts)
        end = next(tiles, None)
        for number in range(len(self.items) + 1):
            while end is not None and number == end:
                ends.append(len(commands))
                end = next(tiles, None)
            for move, start, stop in self.slots[number]:
                moves += 1
                fetched[slice(*_grains(start, stop))] = moves
                commands.append(move)
            if number == len(self.items):
                break
            tile, item, accesses, words, patches = self.items[number]
            if isinstance(item, Store):
                (access,) = accesses
                moves += 1
                storing[slice(*_grains(access.start, access.stop))] = moves
                commands.append(Move(tile, item.operand, item.to, access.start, item.nbytes, to_system=True))
                continue
            needed = 0
            for access in accesses:
                grains = slice(*_grains(access.start, access.stop))
                needed = max(needed, int(fetched[grains].max()))
                if access.writes:
                    needed = max(needed, int(storing[grains].max()))
            left = None
            if needed > finished:
                finished, left = needed, moves - needed
            commands.append(Call(tile, item.kernel, words, left, patches))
        if ends and ends[-1] < len(commands):
            ends[-1] = len(commands)
        return Row(tuple(commands), tuple(ends))


def _grains(start: int, stop: int) -> tuple[int, int]:
    return (start - memory.DTCM_BASE) // GRAIN, -(-(stop - memory.DTCM_BASE) // GRAIN)


def _checked(operand: str, place: Where, tcm: int, nbytes: int) -> None:
    if nbytes <= 0 or nbytes % GRAIN or place.address % GRAIN or tcm % GRAIN:
        received = f"{nbytes} bytes between {place.address:#x} and {tcm:#x}"
        mend = "pad the operand to double words"
        raise OperandError("tile", operand, received, "whole double words on double-word boundaries", mend)
