"""The memories of a core as the host sees them: page-aligned buffers, and which address lies in which."""

from __future__ import annotations

import mmap

import numpy as np
from numpy.typing import NDArray

from spinntensor.abi.memory import DTCM_BASE, DTCM_BYTES, ITCM_BASE, ITCM_BYTES
from spinntensor.emulator.faults import AddressError

Bytes = NDArray[np.uint8]

# The buffered and the unbuffered alias of the chip's SDRAM: SpiNNaker datasheet 2.02, section 3.3.
SDRAM_BASES = (0x6000_0000, 0x7000_0000)
SDRAM_SPAN = 128 << 20


def pages(nbytes: int) -> Bytes:
    """Zeroed memory on a page boundary, as Unicorn wants it for mapping by pointer."""
    return np.frombuffer(mmap.mmap(-1, nbytes), np.uint8)


def new_sdram(nbytes: int) -> Bytes:
    """Zeroed SDRAM for the cores of one chip to share; the host gives its pages when first touched."""
    if nbytes % 4 or not 0 <= nbytes <= SDRAM_SPAN:
        raise ValueError(f"SDRAM of {nbytes} bytes; expected a multiple of 4 up to {SDRAM_SPAN}")
    return np.zeros(nbytes, np.uint8)


class Memories:
    """ITCM, DTCM and SDRAM of one core.

    Parameters
    ----------
    sdram : numpy.ndarray
        Bytes, possibly shared with other cores.
    """

    def __init__(self, sdram: Bytes) -> None:
        self.itcm = pages(ITCM_BYTES)
        self.dtcm = pages(DTCM_BYTES)
        self.sdram = sdram

    def shares(self, address: int, nbytes: int) -> bool:
        """Whether all these bytes lie in memory that a DMA controller reaches outside its core."""
        return any(base <= address <= base + len(self.sdram) - nbytes for base in SDRAM_BASES)

    def fetch(self, address: int, into: Bytes) -> None:
        """Copy bytes from outside the core into one of its memories."""
        into[:] = self.find(address, len(into))

    def store(self, address: int, data: Bytes, cycle: int) -> None:
        """Copy bytes to memory outside the core, at this cycle."""
        self.find(address, len(data))[:] = data

    def find(self, address: int, nbytes: int) -> Bytes:
        """The bytes at an address, as a view; AddressError when they are not all in one memory."""
        places = [
            (ITCM_BASE, self.itcm),
            (DTCM_BASE, self.dtcm),
            *((base, self.sdram) for base in SDRAM_BASES),
        ]
        for base, memory in places:
            if base <= address and address + nbytes <= base + len(memory) and nbytes >= 0:
                return memory[address - base : address - base + nbytes]
        known = f"ITCM 0x0 (+{ITCM_BYTES}), DTCM 0x{DTCM_BASE:x} (+{DTCM_BYTES})"
        bases = " and ".join(f"0x{base:x}" for base in SDRAM_BASES)
        raise AddressError(address, nbytes, f"{known}, SDRAM {bases} (+{len(self.sdram)})")
