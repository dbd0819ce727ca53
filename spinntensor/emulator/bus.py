"""Connects a core to what lies outside its TCMs: SDRAM and device registers, each access with its cost.

Every access calls Python from Unicorn. The callbacks are plain ctypes functions with all they need bound once,
because a run makes millions of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from spinntensor.emulator.faults import BusError
from spinntensor.emulator.memory import Bytes

if TYPE_CHECKING:
    from spinntensor.emulator.core import Core

_PAGE = 4096

_READ = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_void_p)
_WRITE = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint, ctypes.c_uint64, ctypes.c_void_p
)


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
        self._callbacks: list[Any] = []  # Unicorn keeps their addresses only

    def attach(self, device: Device, *bases: int, size: int = _PAGE, cycles: int | None = None) -> None:
        """Map a device's registers, ``size`` bytes, at each of these addresses.

        Parameters
        ----------
        cycles : int, optional
            Cost of one access, its issue cycle included; that of a core's own devices when not given.
        """
        self._devices.append(device)
        wait = (self._core.facts.peripheral_cycles if cycles is None else cycles) - 1
        for base in bases:
            read = _READ(_reader(self._core, device.read, base, wait))
            write = _WRITE(_writer(self._core, device.write, base, wait))
            self._callbacks += [read, write]
            status = self._core._library.uc_mmio_map(
                self._core._uc._uch,
                base,
                size,
                ctypes.cast(read, ctypes.c_void_p),
                None,
                ctypes.cast(write, ctypes.c_void_p),
                None,
            )
            if status:
                raise ValueError(
                    f"a device of {size} bytes at 0x{base:08x}: the address is taken or not on a page of {_PAGE}"
                )

    def advance(self, cycle: int) -> None:
        """Bring all devices up to this cycle."""
        for device in self._devices:
            device.advance(cycle)


# Callbacks. What they raise stops the core, which raises it again behind the run. Devices know offsets; their
# refusals are told with the address.


def _reader(core: Core, read: Callable[[int, int, int], int], base: int, wait: int) -> Callable[..., int]:
    access = core._books.access

    def callback(_engine: int, offset: int, size: int, _user: int) -> int:
        try:
            return read(offset, size, access(wait) + core.slept)
        except BusError as error:
            core.abort(BusError(base + offset, error.reason))
        except BaseException as error:
            core.abort(error)
        return 0

    return callback


def _writer(
    core: Core, write: Callable[[int, int, int, int], None], base: int, wait: int
) -> Callable[..., None]:
    access = core._books.access

    def callback(_engine: int, offset: int, size: int, value: int, _user: int) -> None:
        try:
            write(offset, size, value, access(wait) + core.slept)
        except BusError as error:
            core.abort(BusError(base + offset, error.reason))
        except BaseException as error:
            core.abort(error)

    return callback


class Sdram:
    """The bytes of an SDRAM as a device: single accesses of the core."""

    def __init__(self, memory: Bytes) -> None:
        self._memory = memory

    def read(self, offset: int, size: int, cycle: int) -> int:
        return int.from_bytes(self._at(offset, size).tobytes(), "little")

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        self._at(offset, size)[:] = list(data)

    def advance(self, cycle: int) -> None:
        """Nothing happens by itself."""

    def _at(self, offset: int, size: int) -> Bytes:
        if offset + size > len(self._memory):
            reason = f"beyond the SDRAM of {len(self._memory)} bytes; make it larger with sdram_bytes"
            raise BusError(offset, reason)
        return self._memory[offset : offset + size]
