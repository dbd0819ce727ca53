"""Times of a SpiNNaker core that are not in its instruction set, each with its source and how it is known."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from fractions import Fraction

STATED, ASSUMED, MEASURED = "stated", "assumed", "measured"


def _fact(value: int, status: str, source: str) -> int:
    """A field that carries how its figure is known."""
    made: int = field(default=value, metadata={"status": status, "source": source})
    return made


@dataclass(frozen=True)
class CoreFacts:
    """Cycles at the core's clock, unless a name says otherwise.

    No figure here was measured on a board by us; ``status`` tells stated ones from assumptions.

    Parameters
    ----------
    clock_hz : int
        The core's clock.
    peripheral_cycles : int
        One access of the core to a local device register, its issue cycle included.
    sdram_cycles : int
        One access of the core to SDRAM, its issue cycle included.
    dma_setup_cycles : int
        From the start of a transfer until its first word moves.
    dma_word_cycles : int
        Per 32-bit word of a transfer.
    physical_core : int
        What the DMA controller's status register says in bits 31:24.
    """

    clock_hz: int = _fact(200_000_000, STATED, "S. Temple, SpiNNaker workshop slides 2015, Chip Resources")
    peripheral_cycles: int = _fact(
        5, ASSUMED, "ARM966E-S TRM DDI 0164A, 10.4.2: synchronise, N and I bus cycles for a single AHB access"
    )
    sdram_cycles: int = _fact(
        20,
        STATED,
        "S. Temple, SpiNNaker workshop slides 2015, Chip Resources: at least 100 ns; the least is taken",
    )
    dma_setup_cycles: int = _fact(20, ASSUMED, "one SDRAM access: no published figure")
    dma_word_cycles: int = _fact(
        3, STATED, "S. Temple, SpiNNaker workshop slides 2015, System Software: about 15 ns per word"
    )
    physical_core: int = _fact(1, ASSUMED, "any core but the monitor")

    @classmethod
    def sources(cls) -> dict[str, tuple[str, str]]:
        """For each figure, how it is known and from where."""
        return _sources(cls)


@dataclass(frozen=True)
class ChipFacts:
    """What a chip is beyond its cores; cycles are those of a core's clock, unless a name says otherwise.

    Parameters
    ----------
    core : CoreFacts
        What every core of it is like; its ``physical_core`` is not used.
    sdram_bytes_per_s : int
        What all DMA controllers together get from the SDRAM.
    router_clock_hz : int
        The router takes one packet in one of its clocks.
    router_fifo_packets : int
        Packets on their way into the router; while so many wait, a sender's transmit buffer stays full.
    packet_cycles : int
        From the router's input to a core's receive register.
    send_cycles : int
        From a write to the transmit key until the packet is in the router and the buffer is empty.
    fiq_take_cycles : int
        After which a core whose packet interrupt is open has taken a packet that arrived.
    interrupt_entry_cycles : int
        From the end of the interrupted instruction to the first instruction of the vector.
    """

    core: CoreFacts = field(default_factory=CoreFacts)
    sdram_bytes_per_s: int = _fact(
        600_000_000, ASSUMED, "no published figure; 1.04 GB/s is the interface's peak"
    )
    router_clock_hz: int = _fact(133_333_333, STATED, "SC&MP scamp-3.c: 400 MHz / 3; datasheet 10.1")
    router_fifo_packets: int = _fact(8, ASSUMED, "no published figure")
    packet_cycles: int = _fact(30, ASSUMED, "no published figure for packets that stay on a chip")
    send_cycles: int = _fact(20, ASSUMED, "72 bits at 4 bits a symbol, a symbol a cycle; no published figure")
    fiq_take_cycles: int = _fact(40, ASSUMED, "a short handler: entry, two device reads, return")
    interrupt_entry_cycles: int = _fact(
        4, ASSUMED, "ARM9E-S TRM DDI 0165B: refilling the pipeline at the vector"
    )

    @property
    def router_cycle(self) -> Fraction:
        """Core cycles in one of the router's."""
        return Fraction(self.core.clock_hz, self.router_clock_hz).limit_denominator(1000)

    @property
    def sdram_bytes_per_cycle(self) -> float:
        """What all DMA controllers together get in a cycle of the cores."""
        return self.sdram_bytes_per_s / self.core.clock_hz

    @classmethod
    def sources(cls) -> dict[str, tuple[str, str]]:
        """For each figure, how it is known and from where."""
        return _sources(cls)


def _sources(kind: type[CoreFacts] | type[ChipFacts]) -> dict[str, tuple[str, str]]:
    known = [one for one in fields(kind) if "status" in one.metadata]
    return {one.name: (one.metadata["status"], one.metadata["source"]) for one in known}
