"""The two timers of a core, as far as programs read them: free-running and periodic counts, no interrupts.

Registers and reset values from the SpiNNaker datasheet 2.02, section 6: they count down at the core's clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from spinntensor.emulator.faults import BusError

TIMER_BASES = (0x1100_0000, 0x2100_0000)

_STRIDE = 0x20
_LOAD, _COUNT, _CONTROL, _CLEAR, _BACKGROUND = 0x00, 0x04, 0x08, 0x0C, 0x18
_ENABLE, _PERIODIC, _SIZE_32, _ONE_SHOT = 0x80, 0x40, 0x02, 0x01
_PRESCALE = (1, 16, 256)


@dataclass
class _Timer:
    load: int = 0
    value: int = 0xFFFF_FFFF  # at `since`
    since: int = 0
    control: int = 0x20

    def count(self, cycle: int) -> int:
        if not self.control & _ENABLE:
            return self.value
        steps = (cycle - self.since) // _PRESCALE[self.control >> 2 & 3]
        if steps <= self.value:
            return self.value - steps
        if self.control & _ONE_SHOT:
            return 0
        wrap = self.load if self.control & _PERIODIC else (1 << (32 if self.control & _SIZE_32 else 16)) - 1
        return wrap - (steps - self.value - 1) % (wrap + 1)

    def restart(self, value: int, cycle: int) -> None:
        self.value, self.since = value, cycle


class Timers:
    """The timer page of one core; a Device of its bus."""

    def __init__(self) -> None:
        self._timers = (_Timer(), _Timer())

    def read(self, offset: int, size: int, cycle: int) -> int:
        timer, register = self._find(offset, size)
        if register in (_LOAD, _BACKGROUND):
            return timer.load
        if register == _COUNT:
            return timer.count(cycle)
        if register == _CONTROL:
            return timer.control
        raise BusError(offset, "the register is not readable here; use LOAD, COUNT or CONTROL")

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        timer, register = self._find(offset, size)
        if register == _LOAD:
            timer.load = value
            timer.restart(value, cycle)
        elif register == _BACKGROUND:
            timer.load = value
        elif register == _CONTROL:
            if value & 0x20 and value & _ENABLE:
                raise BusError(offset, "timer interrupts are not connected: clear bit 5 of CONTROL")
            if value >> 2 & 3 == 3:
                raise BusError(offset, "timer prescale 3 is undefined; use 0, 1 or 2")
            timer.restart(timer.count(cycle), cycle)
            timer.control = value & 0xFF
        elif register != _CLEAR:
            raise BusError(offset, "the register is not writable; use LOAD, CONTROL or INTCLR")

    def advance(self, cycle: int) -> None:
        """Nothing happens by itself."""

    def _find(self, offset: int, size: int) -> tuple[_Timer, int]:
        if size != 4 or offset >= 2 * _STRIDE:
            raise BusError(offset, f"{size} bytes; the timers have words below {2 * _STRIDE:#x}")
        return self._timers[offset // _STRIDE], offset % _STRIDE
