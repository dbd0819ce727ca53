"""What cores and chips tell of themselves: states, interrupts, exceptions, marks, the outcome of a run; no logic."""

from __future__ import annotations

from dataclasses import dataclass

from spinntensor.emulator.counters import Counters
from spinntensor.emulator.faults import CoreFault
from spinntensor.emulator.packets import Lost

# States of a core: executing, in WFI, after a fault that nothing handles, not started.
AWAKE, ASLEEP, DEAD, OFF = "awake", "asleep", "dead", "off"


@dataclass(frozen=True)
class Latency:
    """The longest waits for an interrupt, in cycles from the active line to the vector, mask included.

    Parameters
    ----------
    irq, fiq : int
        The longest waits.
    irqs, fiqs : int
        How many were taken.
    """

    irq: int = 0
    fiq: int = 0
    irqs: int = 0
    fiqs: int = 0


@dataclass(frozen=True)
class CoreReport:
    """What a core has done since it was made; cycles are the chip's.

    Parameters
    ----------
    core : int
        Physical number.
    awake, asleep : int
        Cycles it executed, and slept since it was last started.
    counters : Counters
        Instructions, and where the cycles awake went.
    dma_busy : int
        Cycles in which a transfer was under way.
    dma_bytes, dma_transfers : int
        Moved, and ended.
    sent, received : int
        Packets.
    latency : Latency
        Interrupts.
    """

    core: int
    awake: int
    asleep: int
    counters: Counters
    dma_busy: int
    dma_bytes: int
    dma_transfers: int
    sent: int
    received: int
    latency: Latency


@dataclass(frozen=True)
class FaultRecord:
    """An exception of a program, as the host saw it.

    Parameters
    ----------
    core : int
        Physical number.
    cycle : int
        When.
    fault : CoreFault
        Kind, place, address and registers.
    handled : bool
        Whether the program's own vector was entered.
    """

    core: int
    cycle: int
    fault: CoreFault
    handled: bool

    def __str__(self) -> str:
        return f"core {self.core}, cycle {self.cycle}: {self.fault}"


@dataclass(frozen=True)
class Mark:
    """A store of a core to a word that is watched.

    Parameters
    ----------
    cycle : int
        The chip's clock.
    value : int
        What was stored.
    counters : Counters
        What the core had counted at the end of the basic block that holds the store.
    """

    cycle: int
    value: int
    counters: Counters


@dataclass(frozen=True)
class CoreState:
    """Where a core stood when a run ended.

    Parameters
    ----------
    core : int
        Physical number.
    state : str
        "awake", "asleep", "dead" (it cannot go on after a fault) or "off" (never started).
    cycle : int
        Its clock: for a sleeping core, since when it sleeps.
    pc : int
        The next instruction.
    symbol : str
        ``name+offset`` of it; empty when no symbols are known.
    """

    core: int
    state: str
    cycle: int
    pc: int
    symbol: str

    def __str__(self) -> str:
        where = f"0x{self.pc:x}" + (f" ({self.symbol})" if self.symbol else "")
        since = f" since cycle {self.cycle}" if self.state == ASLEEP else f" at cycle {self.cycle}"
        return f"core {self.core} {self.state}{since}, pc {where}"


@dataclass(frozen=True)
class Outcome:
    """Why a run ended, and where the cores stand.

    Parameters
    ----------
    reason : str
        "asleep" (all cores sleep and nothing is coming), "limit", "stopped" (by ``Chip.stop``) or "fault" (an
        exception happened; the program's handlers have run).
    cycle : int
        The chip's clock.
    cores : tuple of CoreState
    faults : tuple of FaultRecord
        Exceptions of this run.
    lost : tuple of Lost
        Packets lost in this run.
    blocked : tuple of int
        Physical cores that a packet in the router still waits for; it waits for ever when all sleep.
    """

    reason: str
    cycle: int
    cores: tuple[CoreState, ...]
    faults: tuple[FaultRecord, ...] = ()
    lost: tuple[Lost, ...] = ()
    blocked: tuple[int, ...] = ()

    def __str__(self) -> str:
        lines: list[object] = [f"{self.reason} at cycle {self.cycle}", *self.cores, *self.faults, *self.lost]
        lines += [f"a packet in the router waits for core {core}" for core in self.blocked]
        return "\n".join(map(str, lines))
