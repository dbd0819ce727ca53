"""Connects a core to what lies outside its TCMs: SDRAM and device registers, each access with its cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from spinntensor.emulator.faults import BusError
from spinntensor.emulator.memory import SDRAM_BASES, SDRAM_SPAN, Bytes

if TYPE_CHECKING:
    from spinntensor.emulator.core import Core

_PAGE = 4096


class Device(Protocol):
    """Registers on a core's bus. Times are cycles of that core; BusError refuses an access."""

    def read(self, offset: int, size: int, cycle: int) -> int:
        """The value of a register."""

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        """Change a register."""

    def advance(self, cycle: int) -> None:
        """Do what happens until this cycle."""


class Bus:
    """What one core reaches beyond its TCMs.

    Direct accesses to SDRAM go through here because each costs twenty cycles or more.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._devices: list[Device] = []
        for base in SDRAM_BASES:
            core._uc.mmio_map(base, SDRAM_SPAN, self._read_sdram, base, self._write_sdram, base)

    def attach(self, device: Device, *bases: int) -> None:
        """Map a device's registers, one page, at each of these addresses."""
        self._devices.append(device)
        for base in bases:
            self._core._uc.mmio_map(base, _PAGE, self._read, (device, base), self._write, (device, base))

    def advance(self, cycle: int) -> None:
        """Bring all devices up to this cycle."""
        for device in self._devices:
            device.advance(cycle)

    # Callbacks. What they raise stops the core, which raises it again behind the run.

    def _read(self, uc: Any, offset: int, size: int, where: tuple[Device, int]) -> int:
        device, base = where
        return self._guarded(base + offset, lambda: self._read_device(device, offset, size))

    def _write(self, uc: Any, offset: int, size: int, value: int, where: tuple[Device, int]) -> None:
        device, base = where
        self._guarded(base + offset, lambda: self._write_device(device, offset, size, value))

    def _read_sdram(self, uc: Any, offset: int, size: int, base: int) -> int:
        def access() -> int:
            return int.from_bytes(self._sdram(offset, size).tobytes(), "little")

        return self._guarded(base + offset, access)

    def _write_sdram(self, uc: Any, offset: int, size: int, value: int, base: int) -> None:
        def access() -> int:
            self._sdram(offset, size)[:] = list((value & (1 << 8 * size) - 1).to_bytes(size, "little"))
            return 0

        self._guarded(base + offset, access)

    def _guarded(self, address: int, access: Callable[[], int]) -> int:
        """Devices know offsets; their refusals are told with the address."""
        try:
            return access()
        except BusError as error:
            self._core.abort(BusError(address, error.reason))
        except BaseException as error:
            self._core.abort(error)
        return 0

    def _read_device(self, device: Device, offset: int, size: int) -> int:
        value = device.read(offset, size, self._core.cycles)
        self._core.wait(self._core.facts.peripheral_cycles - 1)
        return value

    def _write_device(self, device: Device, offset: int, size: int, value: int) -> int:
        device.write(offset, size, value, self._core.cycles)
        self._core.wait(self._core.facts.peripheral_cycles - 1)
        return 0

    def _sdram(self, offset: int, size: int) -> Bytes:
        sdram = self._core.memories.sdram
        if offset + size > len(sdram):
            reason = f"beyond the SDRAM of {len(sdram)} bytes; make it larger with sdram_bytes"
            raise BusError(offset, reason)
        self._core.wait(self._core.facts.sdram_cycles - 1)
        return sdram[offset : offset + size]
