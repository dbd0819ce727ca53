"""Where the regions of tiles lie in the DTCM, and what kernel calls use of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import NamedTuple

from spinntensor import abi
from spinntensor.abi import memory
from spinntensor.abi.struct import WORD
from spinntensor.errors import DTCMError, OperandError
from spinntensor.image.emit.action import SHIFT, Spot, Step, Word
from spinntensor.plan.recipe import Region

GRAIN = 8
"""Bytes of the DTCM that are looked at together."""


@dataclass(frozen=True)
class Patch:
    """A word of a record that is made when the kernel is called: field number `field` becomes `add` more than what
    `conversion` makes of the word at DTCM address `address`, modulo 2**32 (see `action.Word`); or of `count` words."""

    field: int
    address: int
    conversion: str
    add: int
    count: int = 1


Access = tuple[int, int, bool]
"""Bytes of the DTCM that an action uses, in whole grains: the first, the one behind the last, and whether it writes."""


class Used(NamedTuple):
    """The words of a kernel's record on a core, as for `Call`, and what lies behind its pointers."""

    words: Mapping[str, int]
    accesses: tuple[Access, ...]
    patches: tuple[Patch, ...] = ()


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
        self._period = lcm(*(region.places for region in regions))
        self._used: dict[tuple[Step, int], Used] = {}

    def of(self, spot: Spot, tile: int) -> tuple[int, int]:
        """First byte of a spot, and the byte behind its last."""
        at, nbytes, places = self.places[spot.region]
        start = at + (spot.turn + spot.turns * tile) % places * nbytes
        stop = start + (spot.offset + spot.nbytes if spot.nbytes else nbytes)
        if not spot.back <= spot.offset <= nbytes or stop > start + nbytes:
            received = f"bytes {spot.offset} to {stop - start} of {spot.region}"
            raise OperandError("tile", "spot", received, f"bytes 0 to {nbytes}", "correct the emitter")
        return start + spot.offset, stop

    def used(self, step: Step, tile: int) -> Used:
        """What a step uses; it is the same in every tile that finds the regions at the same places."""
        key = step, tile % self._period
        if key not in self._used:
            self._used[key] = self._uses(step, tile)
        return self._used[key]

    def _uses(self, step: Step, tile: int) -> Used:
        record = abi.KERNELS[step.kernel]
        if step.words.keys() != set(record.names):
            given, expected = sorted(step.words), sorted(record.names)
            raise OperandError(step.kernel, "arguments", given, expected, "correct the emitter")
        numbers: dict[str, int] = {}
        accesses, patches = [], []
        for name, word in step.words.items():
            if not isinstance(word, (Spot, Word)):
                numbers[name] = word
                continue
            number = record.names.index(name)
            if isinstance(word, Spot):
                start, stop = self.of(word, tile)
                writes = not record.fields[number].ctype.startswith("const")
                accesses.append((*widened(start - word.back, stop, GRAIN), writes))
                numbers[name] = start
            else:
                start, stop = self.of(word.spot, tile)
                count = (stop - start) // WORD if word.conversion == SHIFT else 1
                accesses.append((*widened(start, start + WORD * count, GRAIN), False))
                numbers[name] = 0
                patches.append(Patch(number, start, word.conversion, word.add, count))
        return Used(numbers, tuple(accesses), tuple(sorted(patches, key=lambda patch: patch.field)))


Known = dict[tuple[Region, ...], Addresses]
"""The addresses of regions that begin at the same byte."""


def widened(start: int, stop: int, unit: int) -> tuple[int, int]:
    """The least whole units (a power of two) that hold these bytes."""
    return start & -unit, stop + unit - 1 & -unit
