"""The DMA controller of a core: registers, queue of two, errors, when data moves; no CRC, no timeouts.

Behaviour: SpiNNaker datasheet 2.02, chapter 7 (registers 7.4, queue 7.2). What that leaves open is marked
"inferred". Time: a transfer starts when it is committed or when the one before it ends, and takes a set-up
time and a time per word (``CoreFacts``); its data moves at its end. Cores that share an SDRAM slow each other
down only when somebody sets ``pace`` (see ``contention``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from spinntensor.abi.memory import DTCM_BASE, DTCM_BYTES, ITCM_BASE, ITCM_BYTES
from spinntensor.emulator.facts import CoreFacts
from spinntensor.emulator.faults import BusError
from spinntensor.emulator.memory import Memories

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
_STORED = frozenset((ADRS, ADRT, DESC, GCTL, TMTV, SCTL, *CRC_MATRIX))
_READABLE = _STORED | {STAT, CRCC, CRCR, *STATS, AD2S, AD2T, DES2}
_WRITABLE = _STORED | {CTRL}
_DONE_ENABLE, _ERROR_ENABLE, _TIMEOUT_ENABLE = 0xC00, 0x1FE000, 0x1000

_QUIET = (False, False, False)

# The time of a word is kept in parts of a cycle, the progress of a transfer in parts of a word.
PARTS = 256


@dataclass(frozen=True, slots=True)
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
    changed : callable
        Told of the done, error and timeout lines when one may have changed, and the cycle.
    code : bool
        Whether transfers may write to the ITCM; whoever allows it takes up the new code.
    kept : int, optional
        ``log`` keeps at least so many transfers, the newest; all when not given.
    """

    def __init__(
        self,
        memories: Memories,
        facts: CoreFacts,
        note: Callable[[Transfer, str], None] = lambda *_: None,
        changed: Callable[[tuple[bool, bool, bool], int], None] | None = None,
        code: bool = False,
        kept: int | None = None,
    ) -> None:
        self.log: list[Transfer] = []
        self.transfers = self.bytes_moved = self.busy_cycles = 0
        self.end: int | None = None  # of the running transfer, as things stand
        self._memories, self._facts, self._note = memories, facts, note
        self._changed, self._code, self._kept = changed, code, kept
        self._lines = _QUIET
        self._pace = PARTS * facts.dma_word_cycles
        self._since = self._parts = 0  # parts of words that had moved at a cycle
        self._bad = 0  # STAT bit of what is wrong with the running transfer
        self._values = dict.fromkeys(_STORED, 0)
        self._running: Transfer | None = None
        self._queued: Transfer | None = None
        self._paused = False
        self._done = 0
        self._flags = SOFT_RESET  # set by every reset until a restart

    def reset(self) -> None:
        """A soft reset: what is under way is dropped, and STAT tells of the reset until a restart."""
        for dropped in (self._running, self._queued):
            if dropped:
                self._note(replace(dropped, outcome="aborted"), "aborted")
        self._values = dict.fromkeys(_STORED, 0)
        self._running = self._queued = self.end = None
        self._paused, self._done, self._flags = False, 0, SOFT_RESET
        self._tell(0)

    # Registers.

    def read(self, offset: int, size: int, cycle: int) -> int:
        """A register's value at this cycle."""
        self._check(offset, size, _READABLE, "readable")
        if self.end is not None and self.end <= cycle:
            self.advance(cycle)
        if offset == STAT:
            return self.status
        if offset in (AD2S, AD2T, DES2):
            return self._progress(offset, cycle)
        return self._values.get(offset, 0)

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        """Change a register; a write to DESC commits a transfer."""
        self._check(offset, size, _WRITABLE, "writable")
        if self.end is not None and self.end <= cycle:
            self.advance(cycle)
        if offset in (ADRS, ADRT, DESC) and self._queued:
            raise BusError(offset, "the queue holds a transfer already; wait until STAT bit 2 is clear")
        if offset in (ADRS, ADRT) and value & 3:
            raise BusError(
                offset, f"address 0x{value:08x}; expected bits 1:0 zero: transfers move whole words"
            )
        if offset == CTRL:
            self._control(value, cycle)
            self._tell(cycle)
            return
        self._values[offset] = value & 0xFFFF_FFFF
        if offset == DESC:
            self._commit(value, cycle)
        elif offset == GCTL:
            self._tell(cycle)

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
        enabled = self._values[GCTL]
        if not enabled:
            return _QUIET
        active = self.status & enabled
        return bool(active & _DONE_ENABLE), bool(active & _ERROR_ENABLE), bool(active & _TIMEOUT_ENABLE)

    @property
    def interrupting(self) -> bool:
        """Whether the end of a transfer may raise a line."""
        return bool(self._values[GCTL] & (_DONE_ENABLE | _ERROR_ENABLE))

    def _tell(self, cycle: int) -> None:
        lines = self.interrupts
        if lines != self._lines:
            self._lines = lines
            if self._changed:
                self._changed(lines, cycle)

    def _check(self, offset: int, size: int, known: frozenset[int], use: str) -> None:
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
        if not self._code and not descriptor & TO_SYSTEM and ITCM_BASE <= tcm < ITCM_BASE + ITCM_BYTES:
            raise BusError(DESC, "loading code by DMA is not modelled; put it there with Core.load")
        transfer = Transfer(system, tcm, descriptor, cycle)
        self._note(transfer, "commit")
        if self._running or self._paused:
            self._queued = transfer
        else:
            self._begin(transfer, cycle)

    def _begin(self, transfer: Transfer, cycle: int) -> None:
        """Start at ``cycle``; a bad address shows when the first word would move (inferred)."""
        self._since, self._parts = cycle + self._facts.dma_setup_cycles, 0
        self._bad = self._error(transfer)
        self.end = self._planned(transfer)
        self._running = Transfer(
            transfer.system, transfer.tcm, transfer.descriptor, transfer.committed, cycle, self.end
        )

    def _planned(self, transfer: Transfer) -> int:
        """When a transfer ends that goes on at the present pace."""
        words = 0 if self._bad else transfer.nbytes // 4
        left = words * PARTS - self._parts
        return self._since + -(-left * self._pace // (PARTS * PARTS))

    @property
    def pace(self) -> int:
        """The time of one word, in 1/256 of a cycle."""
        return self._pace

    def set_pace(self, pace: int, cycle: int) -> None:
        """From this cycle on a word takes so long; never shorter than the controller's own time."""
        self.advance(cycle)
        pace = max(pace, self.own_pace)
        if pace == self._pace:
            return
        if self._running and cycle > self._since:
            self._parts = self._progressed(cycle)
            self._since = cycle
        self._pace = pace
        if self._running:
            self.end = self._planned(self._running)
            self._running = replace(self._running, end=self.end)

    def _progressed(self, cycle: int) -> int:
        """Parts of words the running transfer has moved at this cycle."""
        return self._parts + max(0, cycle - self._since) * PARTS * PARTS // self._pace

    @property
    def number(self) -> int:
        """The physical core it belongs to."""
        return self._facts.physical_core

    @property
    def own_pace(self) -> int:
        """The time of one word when nobody else uses the memory."""
        return PARTS * self._facts.dma_word_cycles

    def moved(self, cycle: int) -> int:
        """Bytes moved from the beginning to this cycle, those of the running transfer included."""
        if not self._running:
            return self.bytes_moved
        return self.bytes_moved + min(4 * self._progressed(cycle) // PARTS, self._running.nbytes)

    def _error(self, transfer: Transfer) -> int:
        """The STAT bit of what is wrong with its addresses, or 0."""
        size = transfer.nbytes
        if not self._memories.shares(transfer.system, size):
            return AXI_ERROR
        tcms = ((ITCM_BASE, ITCM_BYTES), (DTCM_BASE, DTCM_BYTES))
        return 0 if any(b <= transfer.tcm <= b + n - size for b, n in tcms) else TCM_ERROR

    def advance(self, cycle: int) -> None:
        """End and start what ends and starts up to this cycle."""
        while self._running and self._running.end <= cycle:
            end = self._running.end
            self._finish(self._running, self._bad, self._running.nbytes)
            self._tell(end)

    def _finish(self, transfer: Transfer, error: int, nbytes: int) -> None:
        """The running transfer is over: move ``nbytes`` of it; pause after an error, else start the next."""
        self._running = self.end = None
        self.transfers += 1
        self.busy_cycles += transfer.end - transfer.start
        if not error or error == USER_ABORT:
            self.bytes_moved += nbytes
            self._move(transfer, nbytes)
        if error:
            self._flags |= error
            self._paused = True
        else:
            self._done = min(self._done + 1, 2)
        over = Transfer(
            transfer.system,
            transfer.tcm,
            transfer.descriptor,
            transfer.committed,
            transfer.start,
            transfer.end,
            _OUTCOME[error],
        )
        self.log.append(over)
        if self._kept is not None and len(self.log) >= 2 * self._kept:
            del self.log[: -self._kept]
        self._note(over, over.outcome)
        if self._queued and not self._paused:
            waiting, self._queued = self._queued, None
            self._begin(waiting, transfer.end)

    def _move(self, transfer: Transfer, nbytes: int) -> None:
        tcm = self._memories.find(transfer.tcm, nbytes)
        if transfer.to_system:
            self._memories.store(transfer.system, tcm, transfer.end)
        else:
            self._memories.fetch(transfer.system, tcm)

    def _moved(self, transfer: Transfer, cycle: int) -> int:
        """Bytes a running transfer has done with at this cycle, in whole bursts."""
        words = self._progressed(cycle) // PARTS
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
