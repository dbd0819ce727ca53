"""Keeps one core's books: the arrays its block hook counts in, and what can be read out of them."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from spinntensor.emulator import hooks
from spinntensor.emulator.counters import Counters, Tally, count, cycles_per_instruction, executions
from spinntensor.emulator.lines import zeros
from spinntensor.emulator.timing import Array, timing

_TRUSTED = np.ones(hooks.WORDS, np.int64)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


class Books:
    """The counts of one core.

    Parameters
    ----------
    handle : int
        The engine.
    library : ctypes.CDLL
        Unicorn's C library.
    cpsr, pc : int
        Unicorn's numbers of the status register and the program counter.
    trampoline : int
        Address of the call instruction outside the loaded code.
    """

    def __init__(self, handle: int, library: Any, cpsr: int, pc: int, trampoline: int) -> None:
        self.state = zeros(hooks.STATE_WORDS)
        self.state[hooks.ENGINE] = handle
        self.state[hooks.REG_READ] = _address(library.uc_reg_read)
        self.state[hooks.EMU_STOP] = _address(library.uc_emu_stop)
        self.state[hooks.CPSR], self.state[hooks.PC] = cpsr, pc
        self.state[hooks.DEADLINE] = hooks.NEVER
        self.exact, self.touched = _TRUSTED, zeros(hooks.WORDS)
        self.state[hooks.SCRATCH_ADDRESS] = self.state.ctypes.data + 8 * hooks.SCRATCH
        self.state[hooks.TRAMPOLINE] = trampoline >> 2
        self._replaced = Counters()  # counted with code that is no longer there
        self._install(bytes(4 * hooks.WORDS))

    def _install(self, image: bytes) -> None:
        tables, words = timing(image), np.frombuffer(image, "<u4").astype(np.int64)
        self.tables = tables
        self.tally = tally = Tally.empty(tables)
        self.conditions = zeros(hooks.WORDS)
        self.conditions[: len(words)] = words >> 28
        self.returned = zeros(hooks.WORDS)
        self.returned[:] = tables.skipped_issue + tables.skipped_multiply
        pointers = (
            (hooks.PREFIX, tables.prefix),
            (hooks.TAKEN, tables.taken),
            (hooks.SLOT, tables.slot),
            (hooks.CORRECTION, tables.correction),
            (hooks.INTERWORKS, tables.interworks),
            (hooks.EXECUTED, tally.executed),
            (hooks.LEFT, tally.left),
            (hooks.COVERED, tally.covered),
            (hooks.WAITED, tally.waited),
            (hooks.SKIPPED, tally.skipped),
            (hooks.CONDITION, self.conditions),
            (hooks.RETURNED, self.returned),
            (hooks.EXACT, self.exact),
            (hooks.TOUCHED, self.touched),
        )
        for which, array in pointers:
            self.state[which] = array.ctypes.data
        self.restart()

    def replace(self, image: bytes, words: int) -> None:
        """Count with the tables of a new ITCM image, of which the first ``words`` words are code."""
        self._replaced = self.counters()
        self._install(image)
        self.state[hooks.LIMIT] = words

    def restart(self) -> None:
        """Forget where the last run stopped: the next instruction starts with an empty pipeline."""
        self.state[hooks.LAST_END] = -1
        self.state[hooks.BLOCK] = self.state[hooks.BLOCK_END] = 0
        self.state[hooks.DONE] = self.state[hooks.BLOCK_DONE] = hooks.REACH
        self.state[hooks.ROW] = 0
        self.state[hooks.STRAY] = 0

    def interrupted(self, vector: int, cycles: int) -> None:
        """An exception enters ``vector``: the pipeline is empty, and so many cycles have passed."""
        self.restart()
        self.state[hooks.CYCLES] += cycles
        self.tally.waited[vector >> 2] += cycles

    @property
    def instructions(self) -> int:
        """Instructions booked."""
        return int(self.state[hooks.INSTRUCTIONS])

    @property
    def stop(self) -> int:
        """Address of uc_emu_stop."""
        return int(self.state[hooks.EMU_STOP])

    @property
    def stray(self) -> int | None:
        """Address of the first block that could not be timed since the last restart."""
        return int(self.state[hooks.STRAY_ADDRESS]) if self.state[hooks.STRAY] else None

    def cycles(self, pc: int | None = None) -> int:
        """Cycles booked; with a ``pc``, those before that instruction of the block that is running."""
        return int(self.state[hooks.CYCLES] if pc is None else hooks.cycle_at(self.state, pc >> 2))

    def behind(self, pc: int) -> int:
        """Booked instructions of the last block from ``pc`` on."""
        start, end = int(self.state[hooks.BLOCK]), int(self.state[hooks.BLOCK_END])
        return end - (pc >> 2) if start <= pc >> 2 < end else 0

    def settle(self, pc: int, unexecuted: int) -> None:
        """Make the books exact after a run that stopped before ``pc``; see ``hooks.settle``."""
        if pc >> 2 < hooks.WORDS:
            hooks.settle(self.state, pc >> 2, unexecuted)

    def access(self, cycles: int) -> int:
        """The load or store under way takes so many cycles more; the clock before it."""
        before: int = hooks.access(self.state, cycles)
        return before

    def waited(self, pc: int, cycles: int) -> None:
        """The instruction at ``pc`` waited for a device."""
        self.state[hooks.CYCLES] += cycles
        if pc >> 2 < hooks.WORDS:
            self.tally.waited[pc >> 2] += cycles

    def counters(self) -> Counters:
        """Everything counted since the beginning."""
        return self._replaced + count(self.tables, self.tally)

    def executions(self) -> Array:
        """How often each word of the ITCM was executed, with the present code."""
        return executions(self.tally)

    def cycles_per_instruction(self) -> Array:
        """Cycles spent on each word of the ITCM, with the present code."""
        return cycles_per_instruction(self.tables, self.tally)
