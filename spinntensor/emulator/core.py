"""One SpiNNaker core: executes ARM code from its ITCM, instruction by instruction, and counts model cycles.

Cycles are those of the ARM9E-S pipeline over single-cycle memories (see ``timing``). Not modelled: conflicts
between DMA and core on the DTCM, contention for SDRAM, interrupts.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from spinntensor.abi.memory import DTCM_END, ITCM_BYTES
from spinntensor.emulator import dma, engine, hooks
from spinntensor.emulator.books import Books
from spinntensor.emulator.bus import Bus, Device, Sdram
from spinntensor.emulator.counters import Counters
from spinntensor.emulator.dma import Dma
from spinntensor.emulator.facts import CoreFacts
from spinntensor.emulator.faults import BusError, CoreFault, StrictError, disassemble, nearest_symbol
from spinntensor.emulator.memory import SDRAM_BASES, SDRAM_SPAN, Bytes, Memories, new_sdram
from spinntensor.emulator.strict import (
    INITIALISED,
    VIOLATIONS,
    WRITABLE,
    StrictMemory,
    code_hook,
    memory_hook,
)
from spinntensor.emulator.timer import TIMER_BASES, Timers

# The call instruction and the address it returns to, at the top of the ITCM.
TRAMPOLINE = 0x7FE0
HALT = TRAMPOLINE + 4

# Runs are cut into pieces of so many instructions, so that Ctrl-C is heard.
_PIECE = 20_000_000

# SVC mode, interrupts masked: how SC&MP starts an application (seen by running it).
_CPSR = 0xD3
_THUMB = 0x20

# Kinds of fault that are StrictError on a strict core.
STRICT_KINDS = {kind for kind, _ in VIOLATIONS.values()} | {
    "read of unmapped memory",
    "write to unmapped memory",
}


class Core:
    """An ARM968 with 32 KB ITCM, 64 KB DTCM, a DMA controller and a view of SDRAM.

    Parameters
    ----------
    facts : CoreFacts, optional
        Times that are not in the instruction set.
    strict : bool
        Check every access: alignment, initialised bytes, allowed stores, stack limit. Slower.
    sdram_bytes : int
        Size of an SDRAM of its own, when ``sdram`` is not given.
    code_bytes : int
        The most code ``load`` takes.
    sdram : numpy.ndarray, optional
        Bytes shared with other cores; see ``memory.new_sdram``.
    memories : Memories, optional
        All memories, made elsewhere.

    Errors
    ------
    MissingDependencyError when unicorn is not installed.
    """

    def __init__(
        self,
        facts: CoreFacts | None = None,
        strict: bool = False,
        sdram_bytes: int = 8 << 20,
        code_bytes: int = TRAMPOLINE,
        *,
        sdram: Bytes | None = None,
        memories: Memories | None = None,
    ) -> None:
        package = engine.unicorn()
        from unicorn import arm_const

        self.facts = facts or CoreFacts()
        self.memories = memories or Memories(new_sdram(sdram_bytes) if sdram is None else sdram)
        self.symbols: dict[str, int] = {}
        self._code = b""
        self._code_bytes = min(code_bytes, TRAMPOLINE)
        self._uc = engine.open_engine(self.memories.itcm.ctypes.data, self.memories.dtcm.ctypes.data)
        self._library = engine.library()
        self._numbers = [getattr(arm_const, f"UC_ARM_REG_R{n}") for n in range(16)] + [
            arm_const.UC_ARM_REG_CPSR,
            arm_const.UC_ARM_REG_SPSR,
        ]
        self._reg_read, self._reg_write = engine.registers()
        self._handle = self._uc._uch
        self._cell = ctypes.c_uint32()
        self._cell_address = ctypes.addressof(self._cell)
        self._running = False
        self._stale = True
        self._pc = HALT
        self._invalid: int | None = None
        self._caught: BaseException | None = None
        self._watches: list[int] = []
        self._books = Books(
            self._uc._uch.value, self._library, self._numbers[16], self._numbers[15], TRAMPOLINE
        )
        engine.hook_compiled(self._uc, package.UC_HOOK_BLOCK, hooks.block_hook.address, self._books.state)
        self._uc.hook_add(package.UC_HOOK_MEM_INVALID, self._note_invalid)
        self.strict = StrictMemory(self._uc._uch.value, self._books.stop) if strict else None
        if self.strict:
            accesses = package.UC_HOOK_MEM_READ | package.UC_HOOK_MEM_WRITE
            engine.hook_compiled(self._uc, package.UC_HOOK_CODE, code_hook.address, self.strict.state)
            engine.hook_compiled(self._uc, accesses, memory_hook.address, self.strict.state)
        self.slept = 0  # cycles that passed while it did not run; the clock of its devices is ahead by them
        self._bus = Bus(self)
        self._connect()

    def _connect(self) -> None:
        """Attach the devices a core has by itself."""
        self.dma = Dma(self.memories, self.facts, self._note_transfer)
        self._bus.attach(
            Sdram(self.memories.sdram), *SDRAM_BASES, size=SDRAM_SPAN, cycles=self.facts.sdram_cycles
        )
        self._bus.attach(self.dma, *dma.BASES)
        self._bus.attach(Timers(), *TIMER_BASES)

    # Memory.

    def load(self, code: bytes, symbols: Mapping[str, int] | None = None) -> None:
        """Put code at the bottom of the ITCM, with names for its addresses.

        Loading the code that is there already keeps the profile; other code starts a new one.
        """
        if len(code) % 4 or len(code) > self._code_bytes:
            raise ValueError(
                f"code of {len(code)} bytes; expected whole words, at most {self._code_bytes} bytes"
            )
        self.symbols = dict(symbols or {})
        if code != self._code or self._stale:
            self._code = bytes(code)
            self.memories.itcm[:] = 0
            self.memories.itcm[: len(code)] = np.frombuffer(code, np.uint8)
            self._stale = True

    def write(self, address: int, data: bytes) -> None:
        """Copy bytes into ITCM, DTCM or SDRAM."""
        target = self.memories.find(address, len(data))
        target[:] = np.frombuffer(data, np.uint8)
        if self.strict:
            self.strict.mark(address, len(data), INITIALISED)
        if address < ITCM_BYTES:
            self._code = self.memories.itcm[
                : max(len(self._code), -(-(address + len(data)) // 4) * 4)
            ].tobytes()
            self._stale = True

    def read(self, address: int, nbytes: int) -> bytes:
        """Copy bytes out of ITCM, DTCM or SDRAM."""
        return self.memories.find(address, nbytes).tobytes()

    def forget(self) -> None:
        """Strict mode: the DTCM is uninitialised and closed to stores, but for state block and stack."""
        if self.strict:
            self.strict.forget()

    def allow_store(self, address: int, nbytes: int) -> None:
        """Strict mode: the program may store to these bytes."""
        self.memories.find(address, nbytes)
        if self.strict:
            self.strict.mark(address, nbytes, WRITABLE)

    def set_stack(self, limit: int, top: int) -> None:
        """Strict mode: the stack is ``[limit, top)``; initially the last 2 KB of the DTCM."""
        self.memories.find(limit, top - limit)
        if self.strict:
            self.strict.set_stack(limit, top)

    def attach(self, device: Device, *bases: int) -> None:
        """Map a device's registers, one page of 4 KB, at each of these addresses."""
        self._bus.attach(device, *bases)

    # Running.

    def call(
        self, entry: int | str, r0: int = 0, *, sp: int = DTCM_END, max_instructions: int = 500_000_000
    ) -> Counters:
        """Execute ``BL entry`` until it returns, and count it: call and return branch included.

        Parameters
        ----------
        entry : int or str
            Address in the ITCM, or a symbol.
        r0 : int
            First argument; the other registers hold 0xbad00000 plus their number.
        sp : int
            Stack pointer.
        max_instructions : int
            Limit; reaching it is a fault.

        Errors
        ------
        CoreFault; StrictError on a strict core.
        """
        before = self.counters
        self.start(entry, r0, sp=sp)
        if not self.run(max_instructions):
            raise self._fault("instruction limit", detail=f"{max_instructions} instructions executed")
        return self.counters - before

    def start(self, entry: int | str, r0: int = 0, *, sp: int = DTCM_END) -> None:
        """Prepare a call; ``run`` executes it in as many pieces as wanted."""
        address = self.symbols[entry] if isinstance(entry, str) else entry
        if address % 4 or not 0 <= address < len(self._code):
            raise ValueError(
                f"entry 0x{address:x}; expected a word address below 0x{len(self._code):x}: load code"
            )
        self._retime()
        branch = 0xEB000000 | ((address - TRAMPOLINE - 8) >> 2 & 0xFFFFFF)
        stub = self.memories.itcm[TRAMPOLINE:HALT].view("<u4")
        if stub[0] != branch:
            stub[0] = branch
            self._uc.ctl_remove_cache(TRAMPOLINE, HALT)
        self._set(16, _CPSR)
        for n in range(1, 13):
            self._set(n, 0xBAD00000 + n)
        self._set(0, r0 & 0xFFFFFFFF)
        self._set(13, sp)
        self._set(14, 0xBAD0000E)
        self._pc = TRAMPOLINE
        self._books.restart()
        if self.strict:
            self.strict.begin()

    def run(self, max_instructions: int) -> bool:
        """Go on for at most so many instructions; whether the call has returned.

        Where a run stops changes no count.
        """
        left = max_instructions
        while left > 0 and self._pc != HALT:
            piece = min(left, _PIECE)
            self._advance(piece)
            left -= piece
        self._bus.advance(self.cycles)
        return self.halted

    @property
    def halted(self) -> bool:
        """Whether no call is under way."""
        return self._pc == HALT

    @property
    def cycles(self) -> int:
        """The core's clock; inside a device's callback, cycles before the instruction that accesses it."""
        return self._books.cycles(self._get(15) if self._running else None)

    @property
    def counters(self) -> Counters:
        """Everything counted since the core was made."""
        return self._books.counters()

    @property
    def registers(self) -> tuple[int, ...]:
        """r0 to r15, then CPSR."""
        return tuple(self._get(n) for n in range(17))

    def profile(self) -> dict[str, int]:
        """Cycles spent under each symbol with the present code, most first; ``(call)`` is the caller's BL."""
        spent = self._books.cycles_per_instruction()
        named = sorted((at, name) for name, at in self.symbols.items())
        named = [(0, "(no symbol)"), *named, (TRAMPOLINE, "(call)")]
        ends = [at for at, _ in named[1:]] + [ITCM_BYTES]
        cycles = {
            name: int(spent[at >> 2 : end >> 2].sum()) for (at, name), end in zip(named, ends, strict=True)
        }
        ranked = sorted(cycles.items(), key=lambda item: -item[1])
        return {name: total for name, total in ranked if total}

    def executions(self) -> np.ndarray:
        """How often each word of the ITCM was executed with the present code; shape (8192,)."""
        return self._books.executions()

    def wait(self, cycles: int) -> None:
        """For devices: the access under way takes so many cycles more."""
        self._books.waited(self._get(15), cycles)

    def abort(self, error: BaseException) -> None:
        """For devices: stop before the instruction under way; the run raises ``error``."""
        self._caught = self._caught or error
        self._library.uc_emu_stop(self._uc._uch)

    # Inside.

    def _advance(self, limit: int) -> None:
        """Run at most ``limit`` instructions in one go."""
        before = self._books.instructions
        self._uc._hook_exception = self._caught = self._invalid = None
        self._running = True
        status = self._library.uc_emu_start(self._uc._uch, self._pc, HALT, 0, limit)
        self._running = False
        self._pc = pc = self._get(15)
        ran = self._books.instructions - before
        caught = self._caught or self._uc._hook_exception
        violation = self.strict.violation if self.strict else None
        failed = status or caught is not None or violation or self._books.stray is not None
        self._books.settle(pc, self._books.behind(pc) if failed else max(ran - limit, 0))
        if failed:
            self._raise(status, caught)
        if self._get(16) & _THUMB:
            raise self._fault("untimed code", detail="Thumb state")
        if pc != HALT and ran < limit:
            raise self._fault("wait for interrupt", pc - 4)

    def _raise(self, status: int, caught: BaseException | None) -> None:
        stray = self._books.stray
        violation = self.strict.violation if self.strict else None
        if violation:
            kind, pc, address, size, mend = violation
            raise self._fault(kind, pc, address, f"{size} bytes", mend)
        if isinstance(caught, BusError):
            raise self._fault("bus error", address=caught.address, detail=caught.reason) from caught
        if caught is not None:
            raise caught
        if stray is not None:
            raise self._fault("untimed code", stray)
        raise self._fault(engine.fault_kind(status), address=self._invalid)

    def _fault(
        self, kind: str, pc: int | None = None, address: int | None = None, detail: str = "", mend: str = ""
    ) -> CoreFault:
        pc = self._pc if pc is None else pc
        text = ""
        if pc < ITCM_BYTES and pc % 4 == 0:
            text = disassemble(int(self.memories.itcm[pc : pc + 4].view("<u4")[0]), pc)
        self._pc = HALT
        where = nearest_symbol(self.symbols, pc)
        error = StrictError if self.strict and kind in STRICT_KINDS else CoreFault
        return error(kind, pc, where, text, address, self.registers, detail, mend)

    def _retime(self) -> None:
        """Take up code that has changed: new tables, new watches, no old translations."""
        if not self._stale:
            return
        self._stale = False
        self.memories.itcm[TRAMPOLINE:HALT].view("<u4")[0] = 0xEBFFFFFE
        self._books.replace(self.memories.itcm.tobytes(), len(self._code) // 4)
        if self.strict:
            self.strict.loaded(self.memories.itcm, len(self._code))
        for handle in self._watches:
            engine.unhook(self._uc, handle)
        code = engine.unicorn().UC_HOOK_CODE
        hook, state = hooks.watch_hook.address, self._books.state
        self._watches = [
            engine.hook_compiled(self._uc, code, hook, state, 4 * i, 4 * i)
            for i in self._books.tables.watched
        ]
        self._uc.ctl_flush_tb()

    def _note_invalid(self, uc: Any, access: int, address: int, *_: Any) -> bool:
        self._invalid = address
        return False

    def _note_transfer(self, transfer: dma.Transfer, phase: str) -> None:
        """Strict mode: what a transfer fills or drains is not the program's until it is over."""
        if self.strict:
            self.strict.transfer(transfer.tcm, transfer.nbytes, not transfer.to_system, phase)

    def _get(self, number: int) -> int:
        self._reg_read(self._handle, self._numbers[number], self._cell_address)
        return self._cell.value

    def _set(self, number: int, value: int) -> None:
        self._cell.value = value
        self._reg_write(self._handle, self._numbers[number], self._cell_address)


__all__ = ["HALT", "TRAMPOLINE", "BusError", "Core", "CoreFault", "Counters", "StrictError"]
