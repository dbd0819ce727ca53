"""The DMA controller of a core: registers, queue of two, errors, when data moves; no CRC, no timeouts.

Behaviour: SpiNNaker datasheet 2.02, chapter 7 (registers 7.4, queue 7.2). What that leaves open is marked
"inferred". Time: a transfer starts when it is committed or when the one before it ends, and takes a set-up
time and a time per word (``CoreFacts``); its data moves at its end. Cores that share an SDRAM do not slow
each other down here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from spinntensor.abi.memory import DTCM_BASE, DTCM_BYTES, ITCM_BASE, ITCM_BYTES
from spinntensor.emulator.facts import CoreFacts
from spinntensor.emulator.faults import BusError
from spinntensor.emulator.memory import SDRAM_BASES, Memories

BASES = (0x3000_0000, 0x4000_0000)

ADRS, ADRT, DESC, CTRL, STAT, GCTL = 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18
CRCC, CRCR, TMTV, SCTL = 0x1C, 0x20, 0x24, 0x28
STATS = range(0x40, 0x60, 4)
AD2S, AD2T, DES2 = 0x104, 0x108, 0x10C
CRC_MATRIX = range(0x180, 0x200, 4)

# CTRL bits.
UNCOMMIT, ABORT, RESTART, CLEAR_DONE = 1 << 0, 1 << 1, 1 << 2, 1 << 3
# STAT bits.
TRANSFERRING, PAUSED, FULL, DONE, SECOND_DONE = 1 << 0, 1 << 1, 1 << 2, 1 << 10, 1 << 11
TCM_ERROR, AXI_ERROR, USER_ABORT, SOFT_RESET = 1 << 14, 1 << 15, 1 << 16, 1 << 17
# DESC bits.
WIDE, CRC, TO_SYSTEM = 1 << 24, 1 << 20, 1 << 19

_LENGTH = 0x1FFFC
_OUTCOME = {0: "done", TCM_ERROR: "TCM error", AXI_ERROR: "AXI error", USER_ABORT: "aborted"}
_STORED = (ADRS, ADRT, DESC, GCTL, TMTV, SCTL, *CRC_MATRIX)
_READABLE = (*_STORED, STAT, CRCC, CRCR, *STATS, AD2S, AD2T, DES2)


@dataclass(frozen=True)
class Transfer:
    """One transfer, from its commit to its end; times in cycles of the core.

    Parameters
    ----------
    system, tcm : int
        Addresses of its first byte on either side.
    descriptor : int
        As written.
    committed, start, end : int
        When it was committed, began and ended (or will).
    outcome : str
        "done", "TCM error", "AXI error" or "aborted"; empty while it is not over.
    """

    system: int
    tcm: int
    descriptor: int
    committed: int
    start: int = 0
    end: int = 0
    outcome: str = ""

    @property
    def nbytes(self) -> int:
        """Length in bytes."""
        return self.descriptor & _LENGTH

    @property
    def to_system(self) -> bool:
        """Whether it goes from TCM to SDRAM."""
        return bool(self.descriptor & TO_SYSTEM)

    @property
    def burst(self) -> int:
        """Bytes of a burst."""
        return (8 if self.descriptor & WIDE else 4) << (self.descriptor >> 21 & 7)


class Dma:
    """The controller, advanced lazily: at each access to it and at the end of each run.

    Parameters
    ----------
    memories : Memories
        What it copies between.
    facts : CoreFacts
        Times, and the core's number.
    note : callable
        Told of every change of a transfer's phase: the transfer, and "commit" or its outcome.
    """

    def __init__(
        self, memories: Memories, facts: CoreFacts, note: Callable[[Transfer, str], None] = lambda *_: None
    ) -> None:
        self.log: list[Transfer] = []
        self._memories, self._facts, self._note = memories, facts, note
        self._values = dict.fromkeys(_STORED, 0)
        self._running: Transfer | None = None
        self._queued: Transfer | None = None
        self._paused = False
        self._done = 0
        self._flags = SOFT_RESET  # set by every reset until a restart

    # Registers.

    def read(self, offset: int, size: int, cycle: int) -> int:
        """A register's value at this cycle."""
        self._check(offset, size, _READABLE, "readable")
        self.advance(cycle)
        if offset == STAT:
            return self.status
        if offset in (AD2S, AD2T, DES2):
            return self._progress(offset, cycle)
        return self._values.get(offset, 0)

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        """Change a register; a write to DESC commits a transfer."""
        self._check(offset, size, (*_STORED, CTRL), "writable")
        self.advance(cycle)
        if offset in (ADRS, ADRT, DESC) and self._queued:
            raise BusError(offset, "the queue holds a transfer already; wait until STAT bit 2 is clear")
        if offset in (ADRS, ADRT) and value & 3:
            raise BusError(
                offset, f"address 0x{value:08x}; expected bits 1:0 zero: transfers move whole words"
            )
        if offset == CTRL:
            self._control(value, cycle)
            return
        self._values[offset] = value & 0xFFFF_FFFF
        if offset == DESC:
            self._commit(value, cycle)

    @property
    def status(self) -> int:
        """STAT, as of the last advance."""
        done = (0, DONE, DONE | SECOND_DONE)[self._done]
        busy = TRANSFERRING if self._running else 0
        queue = (PAUSED if self._paused else 0) | (FULL if self._queued else 0)
        return self._facts.physical_core << 24 | self._flags | done | queue | busy

    @property
    def interrupts(self) -> tuple[bool, bool, bool]:
        """The done, error and timeout lines: STAT and the enables of GCTL."""
        active = self.status & self._values[GCTL]
        return bool(active & 0xC00), bool(active & 0x1FE000), bool(active & 0x1000)

    def _check(self, offset: int, size: int, known: tuple[int, ...], use: str) -> None:
        if size != 4 or offset % 4:
            raise BusError(offset, f"access of {size} bytes; the DMA controller takes aligned words only")
        if offset not in known:
            raise BusError(offset, f"the DMA controller has no {use} register at offset 0x{offset:x}")

    # Transfers.

    def _commit(self, descriptor: int, cycle: int) -> None:
        if descriptor & CRC:
            raise BusError(DESC, "CRC (bit 20) is not modelled; leave it clear")
        if descriptor >> 21 & 7 > 4:
            raise BusError(DESC, f"burst {descriptor >> 21 & 7}; expected 0 to 4")
        system, tcm = self._values[ADRS], self._values[ADRT]
        if not descriptor & TO_SYSTEM and ITCM_BASE <= tcm < ITCM_BASE + ITCM_BYTES:
            raise BusError(DESC, "loading code by DMA is not modelled; put it there with Core.load")
        transfer = Transfer(system, tcm, descriptor, cycle)
        self._note(transfer, "commit")
        if self._running or self._paused:
            self._queued = transfer
        else:
            self._begin(transfer, cycle)

    def _begin(self, transfer: Transfer, cycle: int) -> None:
        """Start at ``cycle``; a bad address shows when the first word would move (inferred)."""
        words = 0 if self._error(transfer) else transfer.nbytes // 4
        length = self._facts.dma_setup_cycles + words * self._facts.dma_word_cycles
        self._running = replace(transfer, start=cycle, end=cycle + length)

    def _error(self, transfer: Transfer) -> int:
        """The STAT bit of what is wrong with its addresses, or 0."""
        size = transfer.nbytes
        if not any(b <= transfer.system <= b + len(self._memories.sdram) - size for b in SDRAM_BASES):
            return AXI_ERROR
        tcms = ((ITCM_BASE, ITCM_BYTES), (DTCM_BASE, DTCM_BYTES))
        return 0 if any(b <= transfer.tcm <= b + n - size for b, n in tcms) else TCM_ERROR

    def advance(self, cycle: int) -> None:
        """End and start what ends and starts up to this cycle."""
        while self._running and self._running.end <= cycle:
            self._finish(self._running, self._error(self._running), self._running.nbytes)

    def _finish(self, transfer: Transfer, error: int, nbytes: int) -> None:
        """The running transfer is over: move ``nbytes`` of it; pause after an error, else start the next."""
        self._running = None
        if not error or error == USER_ABORT:
            self._move(transfer, nbytes)
        if error:
            self._flags |= error
            self._paused = True
        else:
            self._done = min(self._done + 1, 2)
        over = replace(transfer, outcome=_OUTCOME[error])
        self.log.append(over)
        self._note(over, over.outcome)
        if self._queued and not self._paused:
            waiting, self._queued = self._queued, None
            self._begin(waiting, transfer.end)

    def _move(self, transfer: Transfer, nbytes: int) -> None:
        system = self._memories.find(transfer.system, nbytes)
        tcm = self._memories.find(transfer.tcm, nbytes)
        if transfer.to_system:
            system[:] = tcm
        else:
            tcm[:] = system

    def _moved(self, transfer: Transfer, cycle: int) -> int:
        """Bytes a running transfer has done with at this cycle, in whole bursts."""
        words = max(0, cycle - transfer.start - self._facts.dma_setup_cycles) // self._facts.dma_word_cycles
        return min(4 * words // transfer.burst * transfer.burst, transfer.nbytes)

    def _progress(self, offset: int, cycle: int) -> int:
        """AD2S, AD2T, DES2: what remains of the running transfer; zero when idle (inferred)."""
        if not self._running:
            return 0
        moved = self._moved(self._running, cycle)
        left = self._running.descriptor & ~_LENGTH | self._running.nbytes - moved
        return {AD2S: self._running.system + moved, AD2T: self._running.tcm + moved, DES2: left}[offset]

    def _control(self, value: int, cycle: int) -> None:
        """CTRL: the bits take effect in this order (inferred), so 0x3f empties and restarts the engine."""
        if value & UNCOMMIT and self._queued:
            dropped, self._queued = replace(self._queued, outcome="aborted", end=cycle), None
            self._note(dropped, "aborted")
        if value & ABORT and self._running:
            stopped = replace(self._running, end=cycle)
            self._finish(stopped, USER_ABORT, self._moved(stopped, cycle))
        if value & CLEAR_DONE:
            self._done = max(self._done - 1, 0)
        if value & RESTART:
            self._flags, self._paused = 0, False
            if self._queued and not self._running:
                waiting, self._queued = self._queued, None
                self._begin(waiting, cycle)
