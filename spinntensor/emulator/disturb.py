"""Disturbances of an emulated chip: it is made slower and less regular, to show that nothing is lost silently.

A program that is right whatever the timing gives the same result under any disturbance; one that relies on luck
does not. The same seed gives the same disturbances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spinntensor.emulator.chipcore import ChipCore
    from spinntensor.emulator.contention import Contention
    from spinntensor.emulator.facts import ChipFacts
    from spinntensor.emulator.router import Router


@dataclass(frozen=True)
class Disturbance:
    """What to disturb; the defaults disturb nothing.

    Parameters
    ----------
    seed : int
        Of the random stalls.
    sdram_factor : float
        Of the SDRAM's bandwidth, above 0.
    packet_cycles : int
        More router cycles for each packet.
    wait1 : int, optional
        Wait code the router uses in place of its register's.
    stall_probability : float
        That a core does nothing for a while, for each core and stretch.
    stall_cycles : int
        The longest such stall.
    interrupt_delay : int
        More cycles to enter an interrupt.
    """

    seed: int = 0
    sdram_factor: float = 1.0
    packet_cycles: int = 0
    wait1: int | None = None
    stall_probability: float = 0.0
    stall_cycles: int = 0
    interrupt_delay: int = 0

    def __post_init__(self) -> None:
        if self.sdram_factor <= 0 or not 0 <= self.stall_probability <= 1:
            raise ValueError(
                f"sdram_factor {self.sdram_factor}, stall_probability {self.stall_probability}; "
                "expected a positive factor and a probability from 0 to 1"
            )
        if self.stall_probability and self.stall_cycles < 1:
            raise ValueError(f"stall_cycles {self.stall_cycles}; expected at least 1 when cores are to stall")
        if self.wait1 is not None and not 0 <= self.wait1 <= 0xFF:
            raise ValueError(f"wait1 {self.wait1}; expected a code from 0 to 255 as in the router's register")


class Disturber:
    """Applies a disturbance to a chip."""

    def __init__(self, what: Disturbance) -> None:
        self.what = what
        self._random = np.random.default_rng(what.seed)

    def set_up(self, router: Router, contention: Contention, facts: ChipFacts) -> None:
        """Slow router and SDRAM."""
        router.extra_cycles = int(self.what.packet_cycles * facts.router_cycle)
        router.wait_override = self.what.wait1
        contention.bytes_per_cycle = facts.sdram_bytes_per_cycle * self.what.sdram_factor

    def set_up_core(self, core: ChipCore) -> None:
        """Slow the core's interrupts."""
        core.interrupt_delay = self.what.interrupt_delay

    def stall(self, cores: Sequence[ChipCore], cycle: int) -> None:
        """Before a stretch: some of the cores that are awake lose time."""
        if not self.what.stall_probability:
            return
        for core in cores:
            drawn, length = self._random.random(2)
            if core.awake and drawn < self.what.stall_probability:
                core.skip(1 + int(length * self.what.stall_cycles))
