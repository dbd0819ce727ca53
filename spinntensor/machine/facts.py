"""Figures of the machine: read from `facts.toml` with their sources, overridden by name, varied where unmeasured.

Only numbers live here, no geometry. The emulator's own record of a core's times is made from them by `Facts.core`.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from itertools import product
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from spinntensor.emulator.facts import ChipFacts, CoreFacts
from spinntensor.errors import OperandError, UnknownNameError

FILE = Path(__file__).with_name("facts.toml")

MEASURED, STATED, ARITHMETIC, ASSUMED, CHOSEN, GIVEN = KINDS = (
    "measured",
    "stated",
    "arithmetic",
    "assumed",
    "chosen",
    "given",
)
"""How a figure is known: `facts.toml` explains the first five, and a `given` one was overridden by the caller."""

VARIED = ("sdram_mb_per_s", "peripheral_cycles")
"""Figures at whose `tried` values reports repeat their results: rows, then columns of their table."""


@dataclass(frozen=True)
class Figure:
    """One figure and how it is known.

    Parameters
    ----------
    name, group : its field in `Facts`, and its heading in the file.
    value, unit : the number, and what it counts.
    kind : one of `KINDS`.
    what, source : what it is of, and where it comes from.
    tried : values at which reports repeat their results; empty for most.
    """

    name: str
    group: str
    value: int | float
    unit: str
    kind: str
    what: str
    source: str
    tried: tuple[int | float, ...] = ()


@lru_cache(maxsize=1)
def _file() -> dict[str, Figure]:
    """The figures as the file has them, by name, in its order."""
    groups = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        name: Figure(name, group, **{**entry, "tried": tuple(entry.get("tried", ()))})
        for group, entries in groups.items()
        for name, entry in entries.items()
    }


@dataclass(frozen=True)
class Facts:
    """The figures of a machine; `figure(name)` tells unit, source and kind of each.

    Names end in their unit: `_s`, `_ns`, `_hz`, `_w`, `_bytes`, `_bits`, `_cycles` (of a core), `_mb_per_s` (10^6
    bytes). Take `facts()`, and `with_` for other values; two that are equal have the same values from the same hands.
    """

    clock_hz: int
    itcm_bytes: int
    dtcm_bytes: int
    tcm_cycles: int
    peripheral_cycles: int
    sdram_cycles: int
    dma_setup_cycles: int
    dma_word_cycles: int
    dma_burst_bytes: int
    dma_queue_transfers: int
    dma_transfer_bytes: int
    cores_per_chip: int
    monitors_per_chip: int
    workers_per_chip: int
    links_per_chip: int
    system_ram_bytes: int
    sdram_bytes: int
    sdram_usable_bytes: int
    sdram_clock_hz: int
    sdram_clock_bytes: int
    sdram_mb_per_s: float
    router_clock_hz: int
    router_clock_packets: int
    router_entries: int
    router_usable_entries: int
    router_wait_cycles: int
    packet_bits: int
    payload_packet_bits: int
    packet_core_low_ns: float
    packet_core_high_ns: float
    link_symbols_per_s: float
    packet_symbols: int
    payload_packet_symbols: int
    board_link_share: float
    link_hop_ns: float
    board_crossing_ns: float
    ethernet_mbit_per_s: float
    root_mbit_per_s: float
    chip_mbit_per_s: float
    scp_bytes: int
    scp_window: int
    frame_gap_ns: float
    boot_s: float
    boards_per_frame: int
    chip_idle_w: float
    core_active_w: float
    router_pj_per_bit: float
    spinn3_idle_w: float
    spinn5_idle_w: float
    spinn5_box_w: float
    frame_idle_w: float
    frame_active_w: float
    given: frozenset[str] = field(default=frozenset(), repr=False)
    """Names that `with_` set."""

    def with_(self, **values: int | float) -> Facts:
        """These figures with others in place of some; all derived ones follow.

        Raises UnknownNameError for a name that is no figure's, and OperandError for a value that is not a number
        above 0, not whole where things are counted, or more workers than application cores.
        """
        checked = {name: _checked(name, value) for name, value in values.items()}
        made = replace(self, **checked, given=self.given.union(checked))
        if made.workers_per_chip > made.applications_per_chip:
            raise OperandError(
                "facts",
                "workers_per_chip",
                made.workers_per_chip,
                f"at most {made.applications_per_chip} application cores",
                "lower workers_per_chip",
            )
        return made

    def figure(self, name: str) -> Figure:
        """A figure with its value here; UnknownNameError for a name that is none's."""
        known, value = _known(name), getattr(self, name)
        if name not in self.given:
            return replace(known, value=value)
        source = f"given by the caller, in place of {known.value:,} {known.unit} ({known.kind})"
        return replace(known, value=value, kind=GIVEN, source=source)

    def figures(self) -> tuple[Figure, ...]:
        """All figures, in the order of the file."""
        return tuple(self.figure(name) for name in _file())

    @property
    def assumed(self) -> tuple[Figure, ...]:
        """Figures that nobody published and the caller did not give: what rests on them is to be marked."""
        return tuple(one for one in self.figures() if one.kind == ASSUMED)

    def core(self, physical_core: int = CoreFacts.physical_core) -> CoreFacts:
        """What an emulated core takes of these figures."""
        return CoreFacts(
            clock_hz=self.clock_hz,
            peripheral_cycles=self.peripheral_cycles,
            sdram_cycles=self.sdram_cycles,
            dma_setup_cycles=self.dma_setup_cycles,
            dma_word_cycles=self.dma_word_cycles,
            physical_core=physical_core,
        )

    def chip(self) -> ChipFacts:
        """What an emulated chip takes of these figures."""
        return ChipFacts(core=self.core(), sdram_bytes_per_s=round(self.sdram_mb_per_s * 1e6))

    @property
    def applications_per_chip(self) -> int:
        """Application cores of a chip without faults: all but the monitor."""
        return self.cores_per_chip - self.monitors_per_chip

    @property
    def dma_mb_per_s(self) -> float:
        """What one core alone gets from the SDRAM by DMA, start of the transfer aside: MB/s."""
        return 4 * self.clock_hz / self.dma_word_cycles / 1e6

    @property
    def sdram_peak_mb_per_s(self) -> float:
        """What the SDRAM interface could do: MB/s, never to be reached."""
        return self.sdram_clock_hz * self.sdram_clock_bytes / 1e6

    @property
    def sdram_bytes_per_cycle(self) -> float:
        """What a chip's SDRAM gives to all its cores together: bytes per core cycle, sustained."""
        return self.sdram_mb_per_s * 1e6 / self.clock_hz

    @property
    def link_packets_per_s(self) -> float:
        """Packets without payload over a link between chips of a board, each way."""
        return self.link_symbols_per_s / self.packet_symbols

    @property
    def link_payload_packets_per_s(self) -> float:
        """Packets with payload over a link between chips of a board, each way."""
        return self.link_symbols_per_s / self.payload_packet_symbols

    @property
    def packet_hop_j(self) -> float:
        """Energy of a packet without payload in one router: J."""
        return self.router_pj_per_bit * self.packet_bits * 1e-12

    @property
    def payload_packet_hop_j(self) -> float:
        """Energy of a packet with payload in one router: J."""
        return self.router_pj_per_bit * self.payload_packet_bits * 1e-12


_INTEGERS = frozenset(one.name for one in fields(Facts) if one.type == "int")


def _known(name: str) -> Figure:
    known = _file()
    if name not in known:
        raise UnknownNameError("figure", name, known)
    return known[name]


def _checked(name: str, value: Any) -> Any:
    """`value` as a plain number that figure `name` may have."""
    unit = _known(name).unit
    whole = name in _INTEGERS
    numeric = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if not (numeric and math.isfinite(value) and value > 0):
        expected = f"a {'whole ' if whole else ''}number above 0 ({unit})"
        raise OperandError("facts", name, value, expected, f"give {name} in {unit}")
    return int(value) if whole else float(value)


@lru_cache(maxsize=1)
def facts() -> Facts:
    """The figures as `facts.toml` has them."""
    values: dict[str, Any] = {name: one.value for name, one in _file().items()}
    return Facts(**values)


def variants(base: Facts | None = None) -> tuple[Facts, ...]:
    """`base`, or `facts()`, at every value that reports try: SDRAM 400, 600, 1000 MB/s by peripheral 3, 5, 10 cycles.

    Peripheral access changes fastest, so they fill a table row by row. A figure that the caller gave is not varied,
    and one that is stays assumed.
    """
    base = base or facts()
    tried = [(getattr(base, name),) if name in base.given else _known(name).tried for name in VARIED]
    made = (dict[str, Any](zip(VARIED, values, strict=True)) for values in product(*tried))
    return tuple(replace(base, **values) for values in made)
