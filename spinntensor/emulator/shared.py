"""Memory that the cores of a chip share, as one core sees it while others run beside it.

Cores run side by side for a stretch of time. To give the same result whatever runs when, the SDRAM stays as it
was at the beginning of the stretch: what a core or its DMA controller writes is kept in ``writes``, seen by that
core alone, and applied between stretches in order of time. System RAM and chip-wide registers are touched
rarely and must be exact (locks): there a core waits until the cores before it have finished the stretch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from spinntensor.emulator.faults import BusError
from spinntensor.emulator.memory import SDRAM_BASES, Bytes, Memories

SYSTEM_RAM_BASES = (0xE500_0000, 0xF500_0000)
SYSTEM_RAM_BYTES = 32 << 10
_BOTTOM = 1 << 24  # on the system side of DMA controllers, System RAM repeats below this address

Write = tuple[int, int, Bytes]  # cycle, offset, data


class ChipMemories(Memories):
    """The memories that one core of a chip reaches.

    Parameters
    ----------
    sdram, system_ram : numpy.ndarray
        Bytes shared with the other cores.
    turn : callable
        Returns when it is the core's turn to touch what is not in its own or in SDRAM.
    """

    def __init__(self, sdram: Bytes, system_ram: Bytes, turn: Callable[[], None]) -> None:
        super().__init__(sdram)
        self.system_ram = system_ram
        self.writes: list[Write] = []
        self._turn = turn

    def shares(self, address: int, nbytes: int) -> bool:
        if super().shares(address, nbytes):
            return True
        return self._in_system_ram(address) + nbytes <= SYSTEM_RAM_BYTES

    def _in_system_ram(self, address: int) -> int:
        """Offset in System RAM; its size for addresses elsewhere."""
        if 0 <= address < _BOTTOM:
            return address % SYSTEM_RAM_BYTES
        offsets = [address - base for base in SYSTEM_RAM_BASES if 0 <= address - base < SYSTEM_RAM_BYTES]
        return offsets[0] if offsets else SYSTEM_RAM_BYTES

    def fetch(self, address: int, into: Bytes) -> None:
        offset = sdram_offset(address)
        if offset is None:
            at = self._in_system_ram(address)
            self._turn()
            into[:] = self.system_ram[at : at + len(into)]
        else:
            into[:] = self.sdram[offset : offset + len(into)]
            self.overlay(offset, into)

    def store(self, address: int, data: Bytes, cycle: int) -> None:
        offset = sdram_offset(address)
        if offset is None:
            at = self._in_system_ram(address)
            self._turn()
            self.system_ram[at : at + len(data)] = data
        else:
            self.writes.append((cycle, offset, data.copy()))

    def overlay(self, offset: int, into: Bytes) -> None:
        """Put this core's own writes over bytes that were read from SDRAM."""
        end = offset + len(into)
        for _, start, data in self.writes:
            low, high = max(offset, start), min(end, start + len(data))
            if low < high:
                into[low - offset : high - offset] = data[low - start : high - start]

    def find(self, address: int, nbytes: int) -> Bytes:
        for base in SYSTEM_RAM_BASES:
            if base <= address and address + nbytes <= base + SYSTEM_RAM_BYTES:
                return self.system_ram[address - base : address - base + nbytes]
        return super().find(address, nbytes)


def sdram_offset(address: int) -> int | None:
    """Where in the SDRAM an address lies."""
    for base in SDRAM_BASES:
        if base <= address < base + (256 << 20):
            return address - base
    return None


class SdramView:
    """Single accesses of a core to the shared SDRAM; a Device of its bus."""

    def __init__(self, memories: ChipMemories) -> None:
        self._memories, self._sdram = memories, memories.sdram

    def read(self, offset: int, size: int, cycle: int) -> int:
        self._check(offset, size)
        data = self._sdram[offset : offset + size]
        if self._memories.writes:
            data = data.copy()
            self._memories.overlay(offset, data)
        return int.from_bytes(data.tobytes(), "little")

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        self._check(offset, size)
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        self._memories.writes.append((cycle, offset, np.frombuffer(data, np.uint8)))

    def advance(self, cycle: int) -> None:
        """Nothing happens by itself."""

    def _check(self, offset: int, size: int) -> None:
        if offset + size > len(self._sdram):
            raise BusError(
                offset, f"beyond the SDRAM of {len(self._sdram)} bytes; make it larger with sdram_bytes"
            )


class ChipDevice(Protocol):
    """Registers that all cores of a chip share; the last argument is the physical number of who accesses them."""

    def read(self, offset: int, size: int, cycle: int, core: int) -> int:
        """The value of a register."""

    def write(self, offset: int, size: int, value: int, cycle: int, core: int) -> None:
        """Change a register."""


class View:
    """A chip's device on the bus of one core."""

    def __init__(self, device: ChipDevice, core: int, turn: Callable[[], None]) -> None:
        self._device, self._core, self._turn = device, core, turn

    def read(self, offset: int, size: int, cycle: int) -> int:
        self._turn()
        return self._device.read(offset, size, cycle, self._core)

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        self._turn()
        self._device.write(offset, size, value, cycle, self._core)

    def advance(self, cycle: int) -> None:
        """Nothing happens by itself."""
