"""Turns a worker's tiles into one row of commands: transfers start as early as the DTCM allows, waits come as late.

Tiles say what happens in plain order. A fetch may start as soon as the last kernel that used its bytes of the DTCM is
done and the last store from them was started (the DMA controller works in the order in which it is told); a kernel
waits for just those transfers that touch what it reads or writes. So the operands of the next tile, and the next part
of streamed weights, arrive while this tile computes, wherever a region has a second place. What a place still holds is
not fetched again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from spinntensor.errors import OperandError
from spinntensor.image.addresses import GRAIN, Addresses, Known, Patch, Used, widened
from spinntensor.image.emit.action import Fetch, Step, Store, TileCode, Where
from spinntensor.image.spans import Spans

CROWD = 12
"""Fetches that start before the same kernel at most, so that the software queue need not hold a whole tile."""
AHEAD = 1
"""Tiles by which a fetch may start early."""
LINE = 64
"""Bytes of the SDRAM that are looked at together."""


class Move(NamedTuple):
    """Start a transfer between SDRAM and DTCM; `tile` and `operand` say what it is for."""

    tile: int
    operand: str
    system: Where
    tcm: int
    nbytes: int
    to_system: bool = False


class Call(NamedTuple):
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


def overlapped(tiles: Sequence[TileCode], base: int, known: Known | None = None) -> Row:
    """The commands that run `tiles` in order, their regions from DTCM address `base` on.

    known : addresses of regions from there on; rows with the same tiles find out faster when they share them.

    DTCMError where regions do not fit; OperandError for a transfer that is not of whole double words.
    """
    made = _Row(base, {} if known is None else known)
    for number, tile in enumerate(tiles):
        made.add(number, tile)
    return made.done()


class _Row:
    """A row while it is made: `items` are kernels and stores in order, `slots` the fetches before each of them.

    What is known of bytes of the DTCM and of the SDRAM is counted from 1, so that 0 says that there was nothing yet.
    """

    def __init__(self, base: int, known: Known) -> None:
        self.base = base
        self.known = known
        self.used = Spans()  # number of the last item that used these bytes
        self.held = Spans()  # number of the fetch whose bytes lie there
        self.stored = Spans()  # number of the last item that stored to these bytes of the SDRAM
        self.items: list[tuple[int, Step | Store, Used]] = []
        self.slots: list[list[Move]] = [[]]
        self.sources: list[tuple[int, int, int]] = []  # of each fetch: SDRAM less DTCM, turn, items before
        self.firsts: list[int] = []
        self.lasts: list[int] = []
        self.latest = 0

    def add(self, number: int, tile: TileCode) -> None:
        """One more tile."""
        if tile.regions not in self.known:
            self.known[tile.regions] = Addresses(tile.name, tile.regions, self.base)
        where = self.known[tile.regions]
        self.firsts.append(len(self.items))
        for action in tile.actions:
            if isinstance(action, Fetch):
                self._fetch(number, action, where)
            elif isinstance(action, Store):
                self._store(number, action, where)
            else:
                self._append(number, action, where.used(action, number))
        self.lasts.append(len(self.items))

    def _fetch(self, tile: int, fetch: Fetch, where: Addresses) -> None:
        start, _ = where.of(fetch.to, tile)
        stop = start + fetch.nbytes
        _checked(fetch.operand, fetch.source, start, fetch.nbytes)
        if fetch.to.offset + fetch.nbytes > where.places[fetch.to.region][1]:
            received = f"{fetch.nbytes} bytes to byte {fetch.to.offset} of {fetch.to.region}"
            raise OperandError(
                "tile", fetch.operand, received, "bytes within the region", "correct the emitter"
            )
        system, turn = fetch.source.address, fetch.source.turn
        stored = self.stored.most(*widened(system, system + fetch.nbytes, LINE))
        known = self.held.only(start, stop)
        if known:
            apart, as_well, before = self.sources[known - 1]
            if (apart, as_well) == (system - start, turn) and stored <= before:
                return
        slot = max(self.latest, self.used.most(start, stop), stored, self.firsts[max(0, tile - AHEAD)])
        while slot < len(self.items) and len(self.slots[slot]) >= CROWD:
            slot += 1
        self.latest = slot
        self.sources.append((system - start, turn, len(self.items)))
        self.held.put(start, stop, len(self.sources))
        self.slots[slot].append(Move(tile, fetch.operand, fetch.source, start, fetch.nbytes))

    def _store(self, tile: int, store: Store, where: Addresses) -> None:
        start, _ = where.of(store.source, tile)
        _checked(store.operand, store.to, start, store.nbytes)
        self._append(tile, store, Used({}, ((start, start + store.nbytes, False),)))
        system = store.to.address
        self.stored.put(*widened(system, system + store.nbytes, LINE), len(self.items))

    def _append(self, tile: int, item: Step | Store, used: Used) -> None:
        self.items.append((tile, item, used))
        self.slots.append([])
        for start, stop, writes in used.accesses:
            self.used.put(start, stop, len(self.items))
            if writes:
                self.held.put(start, stop, 0)

    def done(self) -> Row:
        """All commands, kernels with the number of transfers that they leave under way."""
        fetched, storing = Spans(), Spans()  # ordinal of the last transfer
        commands: list[Move | Call] = []
        moves, finished = 0, 0
        ends: list[int] = []
        tiles = iter(self.lasts)
        end = next(tiles, None)
        for number in range(len(self.items) + 1):
            while end is not None and number == end:
                ends.append(len(commands))
                end = next(tiles, None)
            for move in self.slots[number]:
                moves += 1
                fetched.put(move.tcm, move.tcm + move.nbytes, moves)
                commands.append(move)
            if number == len(self.items):
                break
            tile, item, used = self.items[number]
            if isinstance(item, Store):
                ((start, stop, _),) = used.accesses
                moves += 1
                storing.put(start, stop, moves)
                commands.append(Move(tile, item.operand, item.to, start, item.nbytes, to_system=True))
                continue
            needed = 0
            for start, stop, writes in used.accesses:
                needed = max(needed, fetched.most(start, stop), storing.most(start, stop) if writes else 0)
            left = None
            if needed > finished:
                finished, left = needed, moves - needed
            commands.append(Call(tile, item.kernel, used.words, left, used.patches))
        if ends and ends[-1] < len(commands):
            ends[-1] = len(commands)
        return Row(tuple(commands), tuple(ends))


def _checked(operand: str, place: Where, tcm: int, nbytes: int) -> None:
    if nbytes <= 0 or (nbytes | place.address | tcm) % GRAIN:
        received = f"{nbytes} bytes between {place.address:#x} and {tcm:#x}"
        mend = "pad the operand to double words"
        raise OperandError("tile", operand, received, "whole double words on double-word boundaries", mend)
