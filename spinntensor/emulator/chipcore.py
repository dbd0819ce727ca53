"""One core of a chip: it sleeps, takes interrupts and aborts, and runs until a given time; it knows no other core.

Its clock is the chip's: cycles it ran plus cycles it ``slept``. Interrupts are taken at the head of a basic
block, at the first one after the line is active and the mask is open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from spinntensor.abi.memory import DTCM_BASE, ITCM_BYTES
from spinntensor.emulator import comms, dma, hooks, timer, vic
from spinntensor.emulator.comms import Comms
from spinntensor.emulator.core import Core
from spinntensor.emulator.dma import Dma, Transfer
from spinntensor.emulator.exact import Exactness
from spinntensor.emulator.facts import ChipFacts
from spinntensor.emulator.faults import CoreFault, nearest_symbol
from spinntensor.emulator.memory import SDRAM_BASES, SDRAM_SPAN
from spinntensor.emulator.packets import Lost, Packet
from spinntensor.emulator.records import ASLEEP, AWAKE, DEAD, OFF, CoreReport, FaultRecord, Latency, Mark
from spinntensor.emulator.shared import ChipMemories, SdramView
from spinntensor.emulator.strict import INITIALISED, WRITABLE
from spinntensor.emulator.timer import Timers
from spinntensor.emulator.vic import Vic

USR, FIQ, IRQ, SVC, ABT, UND, SYS = 0x10, 0x11, 0x12, 0x13, 0x17, 0x1B, 0x1F
_I, _F, _T, _MODE = 0x80, 0x40, 0x20, 0x1F

# Where nothing ever arrives: running ends by a hook, a fault or WFI.
_NOWHERE = 0xFFFF_FFF0
_WFI, _WFI_MASK = 0x0E07_0F90, 0x0FFF_0FFF
_CODE_BYTES = 0x7F00

# Exceptions: mode, vector, and what is added to the program counter to make the link register.
_VECTORS = {
    "undefined instruction": (UND, 0x04, 4),
    "trap": (SVC, 0x08, 0),
    "fetch from unmapped memory": (ABT, 0x0C, 4),
    "read of unmapped memory": (ABT, 0x10, 8),
    "write to unmapped memory": (ABT, 0x10, 8),
    "bus error": (ABT, 0x10, 8),
    "store to code": (ABT, 0x10, 8),
    "unaligned access": (ABT, 0x10, 8),
}

_DMA_SOURCES = 1 << vic.DMA_DONE | 1 << vic.DMA_ERROR | 1 << vic.DMA_TIMEOUT
_TRANSMIT_SOURCES = 1 << vic.CC_EMPTY | 1 << vic.CC_NOT_FULL
_TIMER_SOURCES = 1 << vic.TIMER_1 | 1 << vic.TIMER_2


class ChipCore(Core):
    """A core with all its devices.

    Parameters
    ----------
    number : int
        Physical number.
    facts : ChipFacts
    memories : ChipMemories
        Its own TCMs and what it shares.
    strict : bool
        Check every access, as ``Core`` does.
    post : callable
        Given each packet that has left the core, and the cycle.
    lost : callable
        Given each packet that was lost before it left.
    """

    memories: ChipMemories

    def __init__(
        self,
        number: int,
        facts: ChipFacts,
        memories: ChipMemories,
        strict: bool,
        post: Callable[[Packet, int], None],
        lost: Callable[[Lost], None],
    ) -> None:
        self.number, self.chip_facts = number, facts
        self.state = OFF
        self.stirred: Callable[[], None] = lambda: None  # called when it may have woken, or may wake earlier
        self.marks: list[Mark] = []
        self.faults: list[FaultRecord] = []
        self._waits = [0, 0, 0, 0]  # as Latency has them
        self._post, self._lost = post, lost
        self._loads_code = False  # the running transfer goes to the ITCM
        self._patience = hooks.NEVER  # how long the router waits for it
        self._irq_since = self._fiq_since = 0
        self._start_cycle = 0
        self.interrupt_delay = 0
        super().__init__(
            replace(facts.core, physical_core=number), strict, code_bytes=_CODE_BYTES, memories=memories
        )
        self._state = self._books.state.data
        self._exactness = None if strict else Exactness(self._uc, self._books)

    def _connect(self) -> None:
        facts = self.facts
        self.vic = Vic(self._lines_changed)
        self.timers = Timers(self._timer_changed)
        self.dma = Dma(self.memories, facts, self._note_transfer, self._dma_changed, code=True, kept=4096)
        self.comms = Comms(
            self.number,
            self.vic,
            self.chip_facts.send_cycles,
            self._post,
            self._lost,
            self.chip_facts.fiq_take_cycles,
        )
        self._bus.attach(SdramView(self.memories), *SDRAM_BASES, size=SDRAM_SPAN, cycles=facts.sdram_cycles)
        self._bus.attach(_Touching(self.dma, self, (dma.ADRS, dma.ADRT)), *dma.BASES)
        self._bus.attach(_Touching(self.timers, self), *timer.TIMER_BASES)
        self._bus.attach(_Touching(self.vic, self, (vic.VECTOR,)), *vic.BASES)
        self._bus.attach(_Touching(self.comms, self, (comms.TCR, comms.TDR)), *comms.BASES)

    # Time.

    @property
    def now(self) -> int:
        """The core's place on the chip's clock, between runs."""
        return int(self._state[hooks.CYCLES]) + self.slept

    @property
    def awake(self) -> bool:
        """Whether it executes instructions when given time."""
        return self.state == AWAKE

    @property
    def executed(self) -> int:
        """Instructions executed since the core was made."""
        return int(self._state[hooks.INSTRUCTIONS])

    @property
    def awake_cycles(self) -> int:
        """Cycles it executed."""
        return int(self._state[hooks.CYCLES])

    @property
    def asleep_cycles(self) -> int:
        """Cycles it slept since it was started."""
        return self.slept - self._start_cycle

    @property
    def report(self) -> CoreReport:
        """What it has done."""
        unit, link = self.dma, self.comms
        traffic = (unit.busy_cycles, unit.bytes_moved, unit.transfers, link.sent_count, link.received_count)
        return CoreReport(
            self.number, self.awake_cycles, self.asleep_cycles, self.counters, *traffic, self.latency
        )

    def begin(self, r0: int, sp: int, cycle: int, pc: int = 0) -> None:
        """Start at ``pc`` in SVC mode with interrupts masked, as after a soft reset.

        That resets the DMA and the communications controller; timers and VIC stay as they were.
        """
        self.dma.reset()
        self.comms.reset(max(cycle, self.now))
        self._retime()
        self._set(16, SVC | _I | _F)
        for n in range(15):
            self._set(n, 0)
        self._set(0, r0)
        self._set(13, sp)
        self._pc = pc
        self._books.restart()
        if self.strict:
            self.strict.resume()
        self.state = AWAKE
        if self.now < cycle:
            self.slept += cycle - self.now
        self._start_cycle = self.slept

    def halt(self) -> None:
        """Do not run until ``begin``."""
        self.state = OFF

    def skip(self, cycles: int) -> None:
        """Time passes that the core does not use."""
        self.slept += cycles

    def next_event(self) -> int | None:
        """When a line of its own devices becomes active next, as far as that may interrupt it."""
        enabled, best = self.vic.enable, None
        end = self.dma.end
        if end is not None and (
            self.state == ASLEEP or self._loads_code or (enabled & _DMA_SOURCES and self.dma.interrupting)
        ):
            best = end
        if enabled & _TIMER_SOURCES:
            best = _earlier(best, self.timers.next_interrupt())
        if self.comms.inbox:
            best = _earlier(best, self.comms.next_arrival())
        if enabled & _TRANSMIT_SOURCES:
            best = _earlier(best, self.comms.next_empty())
        return best

    def advance_devices(self, cycle: int) -> None:
        """Bring the devices up to a cycle."""
        end = self.dma.end
        if end is not None and end <= cycle:
            self.dma.advance(cycle)
        self.timers.advance(cycle)
        self.comms.advance(cycle)

    def sleep_until(self, cycle: int) -> None:
        """Pass the time of a sleeping core, and wake it if something asks for it then."""
        self.stirred()
        now = self.now
        if cycle > now:
            self.slept += cycle - now
            now = cycle
        self.advance_devices(now)
        if self.state == ASLEEP and (self.vic.irq or self.vic.fiq):
            self.state = AWAKE

    def run_until(self, horizon: int) -> None:
        """Run until the clock has reached ``horizon`` or the core sleeps; a block may reach beyond it."""
        state, library, handle = self._state, self._library, self._uc._uch
        try:
            while self.state == AWAKE:
                now = state[hooks.CYCLES] + self.slept
                self.advance_devices(now)
                if now >= horizon:
                    break
                if self._stale:
                    self._retime()
                if state[hooks.PENDING]:
                    self._interrupt(now)
                if self._exactness:
                    self._exactness.look()
                coming = self.next_event()
                until = horizon if coming is None or coming > horizon else max(coming, now + 1)
                state[hooks.DEADLINE], state[hooks.STOPPED] = until - self.slept, 0
                self._caught = self._uc._hook_exception = self._invalid = None
                status = library.uc_emu_start(handle, self._pc, _NOWHERE, 0, 0)
                self._after(status)
        finally:
            state[hooks.DEADLINE] = hooks.NEVER

    def _after(self, status: int) -> None:
        """The engine has stopped: at a block's head, in WFI, or because of a fault."""
        self._pc = pc = self._get(15)
        caught = self._caught or self._uc._hook_exception
        violation = self.strict.violation if self.strict else None
        if status or caught is not None or violation or self._books.stray is not None:
            self._books.settle(pc, self._books.behind(pc))
            self._fault_out(status, caught)
            return
        self._books.settle(pc, 0)
        if self._state[hooks.STOPPED]:
            return
        if self._word(pc - 4) & _WFI_MASK == _WFI:
            now = self.now
            self.advance_devices(now)
            if not (self.vic.irq or self.vic.fiq):
                self.state = ASLEEP
            return
        self._record(
            CoreFault("untimed code", pc, nearest_symbol(self.symbols, pc), "", None, self.registers), False
        )

    def _word(self, pc: int) -> int:
        return int(self.memories.itcm[pc : pc + 4].view("<u4")[0]) if 0 <= pc <= ITCM_BYTES - 4 else 0

    # Interrupts.

    def _lines_changed(self, irq: bool, fiq: bool, cycle: int) -> None:
        state = self._books.state
        before = int(state[hooks.PENDING])
        if irq and not before & hooks.IRQ_PENDING:
            self._irq_since = cycle
        if fiq and not before & hooks.FIQ_PENDING:
            self._fiq_since = cycle
        state[hooks.PENDING] = (hooks.IRQ_PENDING if irq else 0) | (hooks.FIQ_PENDING if fiq else 0)
        if self.state == ASLEEP and (irq or fiq):
            self.slept += max(0, cycle - self.now)
            self.state = AWAKE

    def _timer_changed(self, number: int, level: bool, cycle: int) -> None:
        self.vic.line(vic.TIMER_1 + number, level, cycle)

    def _dma_changed(self, lines: tuple[bool, bool, bool], cycle: int) -> None:
        self.vic.line(vic.DMA_DONE, lines[0], cycle)
        self.vic.line(vic.DMA_ERROR, lines[1], cycle)
        self.vic.line(vic.DMA_TIMEOUT, lines[2], cycle)

    def interrupt_line(self, source: int, level: bool, cycle: int) -> None:
        """A line from outside the core changes; a core that is beyond that cycle sees it at its own time."""
        if self.state == ASLEEP:
            self.sleep_until(cycle)
        self.vic.line(source, level, max(cycle, self.now))
        if self.state == ASLEEP and (self.vic.irq or self.vic.fiq):
            self.state = AWAKE

    @property
    def latency(self) -> Latency:
        """Interrupts taken, and the longest waits for them."""
        return Latency(*self._waits)

    def _interrupt(self, now: int) -> None:
        """Enter the vector of a pending interrupt whose mask is open."""
        pending, cpsr, waits = self._state[hooks.PENDING], self._get(16), self._waits
        if pending & hooks.FIQ_PENDING and not cpsr & _F:
            waits[1] = max(waits[1], now - max(self._fiq_since, self.comms.visible_since))
            waits[3] += 1
            self._fiq_since = now
            self._enter(cpsr, FIQ, 0x1C, self._pc + 4, _I | _F)
        elif pending & hooks.IRQ_PENDING and not cpsr & _I:
            waits[0] = max(waits[0], now - self._irq_since)
            waits[2] += 1
            self._irq_since = now
            self._enter(cpsr, IRQ, 0x18, self._pc + 4, _I)

    def _enter(self, cpsr: int, mode: int, vector: int, link: int, masks: int) -> None:
        self._set(16, cpsr & ~(_MODE | _T) | mode | masks)
        self._set(17, cpsr)
        self._set(14, link & 0xFFFF_FFFF)
        self._pc = vector
        self._books.interrupted(vector, self.chip_facts.interrupt_entry_cycles + self.interrupt_delay)

    # Faults.

    def _fault_out(self, status: int, caught: BaseException | None) -> None:
        """A fault: enter the program's own vector, or stop for good where there is none."""
        pc = self._pc
        try:
            self._raise(status, caught)
        except CoreFault as fault:
            self._pc = pc
            cpsr = self._get(16)
            vector = _VECTORS.get(fault.kind)
            handled = vector is not None and cpsr & _MODE not in (ABT, UND) and self._word(vector[1]) != 0
            if vector and handled:
                mode, at, ahead = vector
                if self.strict:
                    self.strict.resume()
                self._enter(cpsr, mode, at, pc + ahead, _I)
            if fault.kind != "trap" or not handled:  # a supervisor call that is served is no fault
                self._record(fault, handled)

    def _record(self, fault: CoreFault, handled: bool) -> None:
        self.faults.append(FaultRecord(self.number, self.now, fault, handled))
        if not handled:
            self.state = DEAD

    # Packets: what the router asks.

    def accepts(self, cycle: int) -> int | None:
        """When it takes a packet that arrives at this cycle; None while that is not known."""
        if self.state in (DEAD, OFF):
            return None
        controller = self.comms
        if not controller.occupied and not controller.inbox:
            return max(cycle, controller.ready)
        now = self.now
        if self.state != AWAKE or now <= cycle or not self._open(now):
            return None
        return max(cycle, controller.ready)

    def _open(self, now: int) -> bool:
        """Whether the packet interrupt would be taken at once, and is."""
        sources = 1 << vic.CC_ANY | 0xF << vic.CC_MC
        enabled = self.vic.enable & sources
        if not enabled or self.comms.congested(now, self._patience):
            return False
        cpsr = self._get(16)
        mode = cpsr & _MODE
        fast = enabled & self.vic.fast_sources
        if fast and (not cpsr & _F or mode == FIQ):
            return True
        return bool(enabled & ~fast) and (not cpsr & _I or mode == IRQ)

    def chance_until(self, cycle: int, wait: int) -> int:
        """Until when a packet that has waited since ``cycle`` may still be taken, if the router waits so long."""
        self._patience = wait
        return cycle + wait if self.state in (DEAD, OFF) else self.comms.chance_until(cycle, wait)

    def receive(self, packet: Packet, cycle: int) -> None:
        """Take a packet that comes at this cycle."""
        now = self.now
        self.comms.offer(packet, cycle, now)
        if self.state == ASLEEP:
            self.stirred()
            if cycle <= now:
                self.sleep_until(now)

    def mark(self, value: int, cycle: int) -> None:
        """The core stored a watched word."""
        self.marks.append(Mark(cycle, value, self.counters))

    # Code.

    def _retime(self) -> None:
        if self._stale and self._exactness:
            self._exactness.replace(self.memories.itcm)
        super()._retime()

    def place(self, address: int, data: bytes) -> None:
        """Put bytes into a TCM as a loader does: all of them hold a value then."""
        self.memories.find(address, len(data))[:] = np.frombuffer(data, np.uint8)
        if self.strict and address >= DTCM_BASE:
            self.strict.mark(address, len(data), INITIALISED | WRITABLE)
        if address < ITCM_BYTES:
            self._grown(address + len(data))

    def _grown(self, end: int) -> None:
        """Code up to ``end`` is there, and new."""
        end = max(len(self._code), -(-end // 4) * 4)
        self._code = self.memories.itcm[:end].tobytes()
        self._stale = True

    def clear_code(self) -> None:
        """No code is left in the ITCM."""
        self.memories.itcm[:] = 0
        self._code, self._stale = b"", True

    def _note_transfer(self, transfer: Transfer, phase: str) -> None:
        super()._note_transfer(transfer, phase)
        if not transfer.to_system and transfer.tcm < ITCM_BYTES:
            self._loads_code = phase == "commit"
            if phase == "done":
                self._grown(transfer.tcm + transfer.nbytes)
                self._books.state[hooks.DEADLINE] = 0


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or (other is not None and other < one):
        return other
    return one


class _Touching:
    """A device of a core whose registers, but for the ``quiet`` ones, may bring the next event nearer."""

    def __init__(
        self, device: Dma | Timers | Vic | Comms, core: ChipCore, quiet: tuple[int, ...] = ()
    ) -> None:
        self.read = device.read
        self.advance = device.advance
        self._write, self._core, self._quiet = device.write, core, quiet
        self._state = core._books.state.data

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        self._write(offset, size, value, cycle)
        if offset in self._quiet:
            return
        coming = self._core.next_event()
        if coming is not None:
            coming -= self._core.slept
            if coming < self._state[hooks.DEADLINE]:
                self._state[hooks.DEADLINE] = coming
