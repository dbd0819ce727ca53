"""The system controller of a chip: ids, interrupts between cores, flags, locks, clocks; and its watchdog.

Registers: SpiNNaker datasheet 2.02, chapters 14 and 16. Clocks, PLLs and resets are stored and read back; they
change no speed and reset nothing, except that a soft reset of a core is told to ``reset``.
"""

from __future__ import annotations

from collections.abc import Callable

from spinntensor.emulator.faults import BusError

BASES = (0xE200_0000, 0xF200_0000)
WATCHDOG_BASES = (0xE300_0000, 0xF300_0000)

CHIP_ID, CPU_DIS, SET_IRQ, CLR_IRQ, SET_OK, CLR_OK = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
SOFT_RST_L, HARD_RST_L, SUB_RST_L, SOFT_RST_P, HARD_RST_P, SUB_RST_P = 0x18, 0x1C, 0x20, 0x24, 0x28, 0x2C
RST_CODE, MON_ID, MISC, PULL, PORT, DIRECTION, GPIO_SET, GPIO_CLR = (
    0x30,
    0x34,
    0x38,
    0x3C,
    0x40,
    0x44,
    0x48,
    0x4C,
)
PLL1, PLL2, FLAGS, FLAGS_CLR, CLOCK_MUX, SLEEP = 0x50, 0x54, 0x58, 0x5C, 0x60, 0x64
TEMPERATURE = (0x68, 0x6C, 0x70)
ARBITRATION, TEST_AND_SET, TEST_AND_CLEAR = (
    range(0x80, 0x100, 4),
    range(0x100, 0x180, 4),
    range(0x180, 0x200, 4),
)
LINK_DISABLE = 0x200

CODE = 0x5EC0_0000
_CODED = {
    CPU_DIS, SET_IRQ, CLR_IRQ, SOFT_RST_L, HARD_RST_L, SUB_RST_L, SOFT_RST_P, HARD_RST_P, SUB_RST_P, MON_ID,
    LINK_DISABLE,
}  # fmt: skip
_STORED = {
    CPU_DIS: 0, SOFT_RST_L: 0, HARD_RST_L: 0, SUB_RST_L: 0, RST_CODE: 0, MON_ID: 0x1F, MISC: 0, PULL: 0, PORT: 0,
    DIRECTION: 0xFFFF_FFFF, PLL1: 0x0007_0128, PLL2: 0x0007_011A, CLOCK_MUX: 0x8094_88A5, LINK_DISABLE: 0,
    **dict.fromkeys(TEMPERATURE, 1 << 24),
}  # fmt: skip
_CORES = (1 << 18) - 1


class SystemController:
    """A ChipDevice.

    Parameters
    ----------
    interrupt : callable
        Told to set or clear the interrupt of cores: a mask, the level, the cycle, and who wrote it.
    asleep : callable
        The cores that sleep, as a mask.
    reset : callable
        Told of cores whose soft reset is released: a mask and the cycle.
    """

    def __init__(
        self,
        interrupt: Callable[[int, bool, int, int], None],
        asleep: Callable[[], int],
        reset: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self.flags = self.ok = self.locks = self.pins = 0
        self.values = dict(_STORED)
        self._interrupt, self._asleep, self._reset = interrupt, asleep, reset

    def read(self, offset: int, size: int, cycle: int, core: int) -> int:
        self._word(offset, size)
        if offset in TEST_AND_SET or offset in TEST_AND_CLEAR:
            return self._lock(offset)
        if offset in ARBITRATION:
            return 0
        plain = {
            CHIP_ID: 0x5911_1012, SET_OK: self.ok, CLR_OK: self.ok, FLAGS: self.flags, FLAGS_CLR: self.flags,
            SLEEP: self._asleep(), GPIO_SET: self.pins, GPIO_CLR: self.pins, **self.values,
        }  # fmt: skip
        if offset not in plain:
            raise BusError(offset, f"the system controller has no readable register at offset 0x{offset:x}")
        return plain[offset]

    def _lock(self, offset: int) -> int:
        """Reads of these registers return the lock's old state in bit 31 and set or clear it."""
        sets = offset in TEST_AND_SET
        bit = 1 << (offset - (TEST_AND_SET if sets else TEST_AND_CLEAR).start >> 2)
        old = 0x8000_0000 if self.locks & bit else 0
        self.locks = self.locks | bit if sets else self.locks & ~bit
        return old

    def write(self, offset: int, size: int, value: int, cycle: int, core: int) -> None:
        self._word(offset, size)
        value &= 0xFFFF_FFFF
        if offset in _CODED:
            if value & 0xFFF0_0000 != CODE:
                raise BusError(offset, f"0x{value:08x}; this register wants 0x5ec in bits 31:20")
            value &= 0x000F_FFFF
        if offset in (SET_IRQ, CLR_IRQ):
            self._interrupt(value & _CORES, offset == SET_IRQ, cycle, core)
        elif offset == SET_OK:
            self.ok |= value
        elif offset == CLR_OK:
            self.ok &= ~value
        elif offset == FLAGS:
            self.flags |= value
        elif offset == FLAGS_CLR:
            self.flags &= ~value
        elif offset == GPIO_SET:
            self.pins |= value
        elif offset == GPIO_CLR:
            self.pins &= ~value
        elif offset == SOFT_RST_L:
            released = self.values[SOFT_RST_L] & ~value
            self.values[SOFT_RST_L] = value
            if released:
                self._reset(released, cycle)
        elif offset in self.values and offset != RST_CODE:
            self.values[offset] = value | 1 << 24 if offset in TEMPERATURE else value
        elif offset not in (HARD_RST_P, SOFT_RST_P, SUB_RST_P):
            raise BusError(offset, f"the system controller has no writable register at offset 0x{offset:x}")

    def _word(self, offset: int, size: int) -> None:
        if size != 4 or offset & 3:
            raise BusError(offset, f"access of {size} bytes; the system controller takes aligned words only")


class Watchdog:
    """An SP805 that takes what is written to it and never bites; a ChipDevice."""

    _WORDS = (0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0xC00)

    def __init__(self) -> None:
        self._values = {0x00: 0xFFFF_FFFF, 0x04: 0xFFFF_FFFF}

    def read(self, offset: int, size: int, cycle: int, core: int) -> int:
        self._check(offset, size)
        return self._values.get(offset, 0)

    def write(self, offset: int, size: int, value: int, cycle: int, core: int) -> None:
        self._check(offset, size)
        if offset in (0x00, 0x08, 0xC00):
            self._values[offset] = value

    def _check(self, offset: int, size: int) -> None:
        if size != 4 or offset not in self._WORDS:
            raise BusError(
                offset, f"{size} bytes; the watchdog has words at {', '.join(map(hex, self._WORDS))}"
            )
