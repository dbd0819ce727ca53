"""Times of a SpiNNaker core that are not in its instruction set, each with its source and how it is known."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields

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

        def known(one: Field[int]) -> tuple[str, str]:
            return one.metadata["status"], one.metadata["source"]

        return {one.name: known(one) for one in fields(cls)}
