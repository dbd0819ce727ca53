"""The interrupt controller of a core (ARM PL190): 32 sources to one IRQ and one FIQ line; it enters no vector.

Registers: SpiNNaker datasheet 2.02, chapter 5, and ARM PL190 TRM, DDI 0181. Reading VECTADDR takes the interrupt
of the highest priority into service, writing it ends that service; only higher priorities interrupt meanwhile.
The default vector serves sources without a slot and is never in service: a handler that does not acknowledge
must not block the others.
"""

from __future__ import annotations

from collections.abc import Callable

from spinntensor.emulator.faults import BusError

BASES = (0x1F00_0000, 0x2F00_0000, 0xFFFF_F000)

IRQ_STATUS, FIQ_STATUS, RAW, SELECT, ENABLE, DISABLE = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
SOFT, SOFT_CLEAR, PROTECTION, VECTOR, DEFAULT = 0x18, 0x1C, 0x20, 0x30, 0x34
VECTORS, CONTROLS = range(0x100, 0x140, 4), range(0x200, 0x240, 4)
_IDENTITY = dict(zip(range(0xFE0, 0x1000, 4), (0x90, 0x11, 0x04, 0x00, 0x0D, 0xF0, 0x05, 0xB1), strict=True))

SLOTS = 16
_SLOT_ENABLE = 0x20

# Sources (datasheet 5.4).
WATCHDOG, SOFTWARE, TIMER_1, TIMER_2 = 0, 1, 4, 5
CC_ANY, CC_FULL, CC_OVERFLOW, CC_EMPTY = 6, 9, 10, 11
DMA_DONE, DMA_ERROR, DMA_TIMEOUT = 12, 13, 14
ROUTER_DIAGNOSTICS, ROUTER_DUMP, ROUTER_ERROR = 15, 16, 17
CPU_INTERRUPT, CC_NOT_FULL = 18, 23
CC_MC, CC_P2P, CC_NN, CC_FR = 24, 25, 26, 27


class Vic:
    """The controller of one core; a Device of its bus.

    Parameters
    ----------
    changed : callable
        Told whether IRQ and FIQ are asserted whenever one of them changes, and the cycle.
    """

    def __init__(self, changed: Callable[[bool, bool, int], None] = lambda *_: None) -> None:
        self.irq = self.fiq = False
        self.enable = 0
        self._changed = changed
        self._lines = self._soft = self._select = self._protection = 0
        self._default = 0
        self._vectors, self._controls = [0] * SLOTS, [0] * SLOTS
        self._slots: list[tuple[int, int]] = []  # enabled slots: number, mask of the source
        self._service: list[int] = []  # slots in service, the last one runs

    # Sources.

    def line(self, source: int, active: bool, cycle: int) -> None:
        """A source becomes active or inactive."""
        lines = self._lines | 1 << source if active else self._lines & ~(1 << source)
        if lines != self._lines:
            self._lines = lines
            self._update(cycle)

    @property
    def raw(self) -> int:
        """Active sources, enabled or not."""
        return self._lines | self._soft

    @property
    def fast_sources(self) -> int:
        """Sources that are selected as FIQ."""
        return self._select

    def _update(self, cycle: int) -> None:
        status = (self._lines | self._soft) & self.enable
        fiq = bool(status & self._select)
        irq = bool(status & ~self._select) and self._winner() is not None
        if (irq, fiq) != (self.irq, self.fiq):
            self.irq, self.fiq = irq, fiq
            self._changed(irq, fiq, cycle)

    def _winner(self) -> int | None:
        """The slot that would be served now, SLOTS for the default vector, None for nothing."""
        status = (self._lines | self._soft) & self.enable & ~self._select
        current = self._service[-1] if self._service else SLOTS + 1
        for slot, mask in self._slots:
            if slot >= current:
                return None
            if status & mask:
                return slot
            status &= ~mask
        return SLOTS if status and current > SLOTS else None

    # Registers.

    def read(self, offset: int, size: int, cycle: int) -> int:
        self._word(offset, size)
        if offset == VECTOR:
            return self._take(cycle)
        if offset in VECTORS:
            return self._vectors[offset - VECTORS.start >> 2]
        if offset in CONTROLS:
            return self._controls[offset - CONTROLS.start >> 2]
        enabled = self.raw & self.enable
        plain = {
            IRQ_STATUS: enabled & ~self._select,
            FIQ_STATUS: enabled & self._select,
            RAW: self.raw,
            SELECT: self._select,
            ENABLE: self.enable,
            SOFT: self._soft,
            PROTECTION: self._protection,
            DEFAULT: self._default,
            **_IDENTITY,
        }
        if offset not in plain:
            raise BusError(offset, f"the VIC has no readable register at offset 0x{offset:x}")
        return plain[offset]

    def _take(self, cycle: int) -> int:
        """Reading VECTADDR."""
        slot = self._winner()
        if slot is None or slot == SLOTS:
            return self._default
        self._service.append(slot)
        self._update(cycle)
        return self._vectors[slot]

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        self._word(offset, size)
        value &= 0xFFFF_FFFF
        if offset == VECTOR:
            if self._service:
                self._service.pop()
        elif offset in VECTORS:
            self._vectors[offset - VECTORS.start >> 2] = value
        elif offset in CONTROLS:
            self._controls[offset - CONTROLS.start >> 2] = value & 0x3F
            controls = enumerate(self._controls)
            self._slots = [(n, 1 << (c & 31)) for n, c in controls if c & _SLOT_ENABLE]
        elif offset == SELECT:
            self._select = value
        elif offset == ENABLE:
            self.enable |= value
        elif offset == DISABLE:
            self.enable &= ~value
        elif offset == SOFT:
            self._soft |= value
        elif offset == SOFT_CLEAR:
            self._soft &= ~value
        elif offset == PROTECTION:
            self._protection = value & 1
        elif offset == DEFAULT:
            self._default = value
        else:
            raise BusError(offset, f"the VIC has no writable register at offset 0x{offset:x}")
        self._update(cycle)

    def advance(self, cycle: int) -> None:
        """Nothing happens by itself."""

    def _word(self, offset: int, size: int) -> None:
        if size != 4 or offset & 3:
            raise BusError(offset, f"access of {size} bytes; the VIC takes aligned words only")
