"""Shares the bandwidth of a chip's SDRAM among the DMA controllers that are active.

A controller alone runs at its own rate. When several want more than the SDRAM gives, each gets an equal share.
Cores are emulated in stretches during which they know nothing of each other, so the time of a word in one stretch
follows from what was moved in the stretch before: more than the capacity, and words take longer; less, and they
take less. After a stretch with little traffic the controllers that are active when the next one begins are
counted instead. What was moved beyond the capacity is owed, and paid back by a lower rate, so the long-run rate
never exceeds the capacity; of what was not used, a quarter of a stretch at most can be made up for.
"""

from __future__ import annotations

from collections.abc import Sequence

from spinntensor.emulator.dma import PARTS, Dma

_WORD = 4
_LEAST = 0.5  # of the capacity is always given, however much is owed
_CREDIT = 0.25  # of what one stretch can move may be made up for later, when pauses left it unused
_LITTLE = 0.5  # of the capacity: below that, demand is taken from who is active
_SLOWEST = PARTS * 1000.0


class Contention:
    """The SDRAM of a chip.

    Parameters
    ----------
    bytes_per_cycle : float
        Its capacity.
    """

    def __init__(self, bytes_per_cycle: float) -> None:
        self.bytes_per_cycle = bytes_per_cycle
        self.owed = 0.0  # bytes moved beyond the capacity, as far as they are remembered
        self.pace = 0.0  # time of a word, as ``Dma.pace``
        self._before = 0
        self._moved: dict[int, int] = {}

    def share(self, controllers: Sequence[Dma], cycle: int) -> None:
        """A stretch has ended at ``cycle``: set the time of a word for the next one."""
        elapsed = cycle - self._before
        if elapsed <= 0:
            return
        self._before = cycle
        moved = 0
        for controller in controllers:
            before, now = self._moved.get(controller.number, 0), controller.moved(cycle)
            moved, self._moved[controller.number] = moved + now - before, now
        capacity = self.bytes_per_cycle * elapsed
        self.owed = max(-_CREDIT * capacity, self.owed + moved - capacity)
        given = max(capacity - self.owed, capacity * _LEAST)
        own = max((controller.own_pace for controller in controllers), default=PARTS)
        pace = max(self.pace, own) * moved / given
        if moved < _LITTLE * capacity:
            active = sum(controller.end is not None for controller in controllers)
            pace = max(pace, PARTS * _WORD * active * elapsed / given)
        self.pace = min(max(pace, own), _SLOWEST)
        for controller in controllers:
            controller.set_pace(int(self.pace), cycle)
