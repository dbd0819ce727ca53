"""The System RAM of a chip: 32 KB for all cores, and who wants to know when certain words of it are touched."""

from __future__ import annotations

from collections.abc import Callable

from spinntensor.emulator.memory import Bytes, pages
from spinntensor.emulator.shared import SYSTEM_RAM_BYTES

Watch = Callable[[int, int, int], None]  # value, cycle, core


class SystemRam:
    """A ChipDevice; ``memory`` is its bytes.

    ``written`` maps offsets to callables that are told the value, the cycle and the core after a store of that
    word. ``refresh`` is called with the cycle before a read of bytes in ``fresh``.
    """

    def __init__(self) -> None:
        self.memory: Bytes = pages(SYSTEM_RAM_BYTES)
        self.written: dict[int, Watch] = {}
        self.fresh = range(0)
        self.refresh: Callable[[int], None] = lambda cycle: None

    def read(self, offset: int, size: int, cycle: int, core: int) -> int:
        if offset in self.fresh:
            self.refresh(cycle)
        return int.from_bytes(self.memory[offset : offset + size].tobytes(), "little")

    def write(self, offset: int, size: int, value: int, cycle: int, core: int) -> None:
        value &= (1 << 8 * size) - 1
        self.memory[offset : offset + size] = list(value.to_bytes(size, "little"))
        if size == 4 and offset in self.written:
            self.written[offset](value, cycle, core)
