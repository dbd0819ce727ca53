"""Decides for which code of a core the program counter is kept exact, and lets the rest run three times as fast.

A device's callback must know which instruction reached it, for the time of the access and for precise aborts.
Unicorn knows that only where a code hook stands; everywhere else it knows the block. So all code is hooked at
first; blocks that have run often and never reached a device lose their hook. When such a block reaches a device
after all, that one access is booked at the head of its block, and the block gets its hook back for good.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinntensor.emulator import engine, hooks
from spinntensor.emulator.books import Books
from spinntensor.emulator.lines import zeros
from spinntensor.emulator.memory import Bytes
from spinntensor.emulator.timing import Array

_OFTEN = 256  # executions after which an instruction is thought to go on like that
_WORTH = 100_000  # executed instructions since the last change that make another one worth its cost
_LOOKS = 64  # runs between looks, at most


class Exactness:
    """The hooks of one core.

    Parameters
    ----------
    uc : unicorn.Uc
    books : Books
        Its counts, and where it notes which blocks reach devices.
    """

    def __init__(self, uc: Any, books: Books) -> None:
        self._uc, self._books = uc, books
        self._handles: list[int] = []
        self._hooked = np.zeros(hooks.WORDS, bool)
        self._accesses = np.zeros(hooks.WORDS, bool)
        self._blocks = np.zeros(hooks.WORDS, np.int64)
        self._before: Array = np.zeros(hooks.WORDS, np.int64)
        self._runs, self._next = 0, 1
        books.exact = zeros(hooks.WORDS)
        books.state[hooks.EXACT] = books.exact.ctypes.data

    def replace(self, image: Bytes) -> None:
        """New code: hook all of it. Translations must be flushed afterwards."""
        words = image.view("<u4").astype(np.int64)
        self._accesses, self._blocks = _accesses(words), _blocks(words)
        self._books.touched[:] = 0
        self._before = np.zeros(hooks.WORDS, np.int64)
        self._runs, self._next = 0, 1
        self._hook(np.ones(hooks.WORDS, bool))

    def look(self) -> None:
        """Between runs: change hooks where that is worth it."""
        state = self._books.state
        self._runs += 1
        if state[hooks.MISSED]:
            state[hooks.MISSED] = 0
            self._change(self._hooked | self._reaching())
        elif self._runs >= self._next:
            self._next = self._runs + min(self._runs, _LOOKS)
            runs = self._books.executions()
            idle = self._hooked & (runs >= _OFTEN) & ~self._reaching()
            if int((runs - self._before)[idle].sum()) >= _WORTH:
                self._change(self._hooked & ~idle)
                self._before = runs

    def _reaching(self) -> np.ndarray:
        """Instructions of blocks that have reached a device."""
        found: np.ndarray = np.bincount(self._blocks, weights=self._books.touched)[self._blocks] > 0
        return found

    def _change(self, hooked: np.ndarray) -> None:
        self._hook(hooked)
        self._uc.ctl_flush_tb()

    def _hook(self, hooked: np.ndarray) -> None:
        for handle in self._handles:
            engine.unhook(self._uc, handle)
        self._hooked = hooked
        self._books.exact[:] = hooked & self._accesses
        edges = np.flatnonzero(np.diff(np.concatenate([[0], hooked, [0]]).astype(np.int8)))
        kind, hook = engine.unicorn().UC_HOOK_CODE, hooks.exact_hook.address
        self._handles = [
            engine.hook_compiled(self._uc, kind, hook, self._books.state, int(4 * begin), int(4 * end - 1))
            for begin, end in edges.reshape(-1, 2)
        ]


def _accesses(words: np.ndarray) -> np.ndarray:
    """Which instructions load or store (encodings: ARM DDI 0100E, A3)."""
    group = words >> 25 & 7
    extra = (group == 0) & (words & 0x90 == 0x90) & ((words & 0x60 != 0) | (words & 0x01000000 != 0))
    found: np.ndarray = (group == 2) | (group == 3) | (group == 4) | extra
    return found


def _blocks(words: np.ndarray) -> np.ndarray:
    """The number of each instruction's basic block: they begin at targets of branches, and behind branches."""
    n = len(words)
    begins = np.zeros(n, bool)
    at = np.flatnonzero(words >> 25 & 7 == 5)
    targets = at + 2 + ((words[at] & 0xFFFFFF ^ 0x800000) - 0x800000)
    begins[targets[(targets >= 0) & (targets < n)]] = True
    begins[at[at < n - 1] + 1] = True
    return np.cumsum(begins)
