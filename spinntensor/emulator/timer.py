"""The two timers of a core: free-running, periodic and one-shot counts at the core's clock, with interrupts.

Registers and reset values from the SpiNNaker datasheet 2.02, section 6. A periodic interval with load L is L
cycles, as SC&MP assumes (``clock MHz * 1000`` for a millisecond), but counts read back run from L down to 0, as
the datasheet says; the difference shows in reads of COUNT alone. A one-shot timer that has reached zero halts
with its enable bit set, and a write to LOAD starts it again (seen by running SC&MP, which depends on it).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spinntensor.emulator.faults import BusError

TIMER_BASES = (0x1100_0000, 0x2100_0000)

_STRIDE = 0x20
_LOAD, _COUNT, _CONTROL, _CLEAR, _RAW, _MASKED, _BACKGROUND = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18
_ENABLE, _PERIODIC, _INTERRUPT, _SIZE_32, _ONE_SHOT = 0x80, 0x40, 0x20, 0x02, 0x01
_PRESCALE = (1, 16, 256)


@dataclass
class _Timer:
    load: int = 0
    value: int = 0xFFFF_FFFF  # at `since`
    since: int = 0
    control: int = 0x20
    raw: bool = False
    expiry: int | None = None  # when the count next reaches zero and the interrupt rises

    @property
    def scale(self) -> int:
        return _PRESCALE[self.control >> 2 & 3]

    @property
    def halted(self) -> bool:
        """Whether it is a one-shot timer that has reached zero."""
        return bool(self.control & _ENABLE and self.control & _ONE_SHOT) and self.expiry is None

    @property
    def masked(self) -> bool:
        return self.raw and bool(self.control & _INTERRUPT)

    def count(self, cycle: int) -> int:
        if not self.control & _ENABLE:
            return self.value
        steps = (cycle - self.since) // self.scale
        if steps <= self.value:
            return self.value - steps
        if self.control & _ONE_SHOT:
            return 0
        return self._wrap - (steps - self.value - 1) % (self._wrap + 1)

    @property
    def _wrap(self) -> int:
        if self.control & _PERIODIC:
            return self.load
        return (1 << (32 if self.control & _SIZE_32 else 16)) - 1

    def restart(self, value: int, cycle: int) -> None:
        self.value, self.since = value, cycle
        self.expiry = cycle + value * self.scale if self.control & _ENABLE else None

    def advance(self, cycle: int) -> None:
        """Expire as often as it does until this cycle."""
        if self.expiry is None or self.expiry > cycle:
            return
        self.raw = True
        if self.control & _ONE_SHOT:
            self.expiry = None
            return
        period = self.load if self.control & _PERIODIC else self._wrap + 1
        period = max(period, 1) * self.scale
        self.expiry += (1 + (cycle - self.expiry) // period) * period


class Timers:
    """The timer page of one core; a Device of its bus.

    Parameters
    ----------
    changed : callable, optional
        Told the number of the timer (0 or 1), the level of its interrupt and the cycle when the level may have
        changed. Without it, interrupts are not connected and enabling one is refused.
    """

    def __init__(self, changed: Callable[[int, bool, int], None] | None = None) -> None:
        self._timers = (_Timer(), _Timer())
        self._changed = changed

    def read(self, offset: int, size: int, cycle: int) -> int:
        timer, register = self._find(offset, size)
        self.advance(cycle)
        if register in (_LOAD, _BACKGROUND):
            return timer.load
        if register == _COUNT:
            return timer.count(cycle)
        if register == _CONTROL:
            return timer.control
        if register == _RAW:
            return int(timer.raw)
        if register == _MASKED:
            return int(timer.masked)
        raise BusError(offset, "the register is not readable here; use LOAD, COUNT, CONTROL, RIS or MIS")

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        timer, register = self._find(offset, size)
        self.advance(cycle)
        if register == _LOAD:
            timer.load = value
            timer.restart(value, cycle)
        elif register == _BACKGROUND:
            timer.load = value
        elif register == _CONTROL:
            if value & _INTERRUPT and value & _ENABLE and self._changed is None:
                raise BusError(offset, "timer interrupts are not connected: clear bit 5 of CONTROL")
            if value >> 2 & 3 == 3:
                raise BusError(offset, "timer prescale 3 is undefined; use 0, 1 or 2")
            left, halted = timer.count(cycle), timer.halted
            timer.control = value & 0xFF
            timer.restart(left, cycle)
            if halted:
                timer.expiry = None
        elif register == _CLEAR:
            timer.raw = False
        else:
            raise BusError(offset, "the register is not writable; use LOAD, CONTROL or INTCLR")
        self._tell(cycle)

    def advance(self, cycle: int) -> None:
        """Expire what expires until this cycle."""
        first, second = self._timers
        if (first.expiry is None or first.expiry > cycle) and (
            second.expiry is None or second.expiry > cycle
        ):
            return
        first.advance(cycle)
        second.advance(cycle)
        self._tell(cycle)

    def next_interrupt(self) -> int | None:
        """When the next interrupt rises that is enabled here and not active already."""
        coming = [
            t.expiry for t in self._timers if t.expiry is not None and t.control & _INTERRUPT and not t.raw
        ]
        return min(coming, default=None)

    def _tell(self, cycle: int) -> None:
        if self._changed:
            for number, timer in enumerate(self._timers):
                self._changed(number, timer.masked, cycle)

    def _find(self, offset: int, size: int) -> tuple[_Timer, int]:
        if size != 4 or offset >= 2 * _STRIDE:
            raise BusError(offset, f"{size} bytes; the timers have words below {2 * _STRIDE:#x}")
        return self._timers[offset // _STRIDE], offset % _STRIDE
