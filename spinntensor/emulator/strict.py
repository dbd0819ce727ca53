"""Checks every memory access of a core for what silicon would punish; it looks, and changes no result.

Unicorn loads unaligned words as an ARMv6 would, and memory that was never written reads as zero. A
SpiNNaker core aborts on the first and finds garbage in the second. Each byte of ITCM and DTCM has a shadow
byte that says what may be done with it; compiled hooks look there at every access and stop the core at the
first violation.
"""

from __future__ import annotations

import numpy as np
from numba import carray, cfunc, types

from spinntensor.abi.memory import (
    CLAMPED,
    DTCM_BASE,
    DTCM_BYTES,
    DTCM_END,
    ITCM_BYTES,
    STACK_LIMIT,
    STATE_BASE,
    STATE_BYTES,
)
from spinntensor.emulator.hooks import call_stop, pointer
from spinntensor.emulator.lines import zeros
from spinntensor.emulator.memory import Bytes

# Shadow bits: holds a value, may be stored to, belongs to the stack, is written or read by a DMA transfer.
INITIALISED, WRITABLE, STACK, FILLING, DRAINING = 1, 2, 4, 8, 16

_PC, _ACCESS, _KIND, _AT_PC, _ADDRESS, _SIZE, _LIMIT = range(7)
_ITCM, _DTCM, _TRAITS, _ENGINE, _STOP = range(7, 12)
_STATE_WORDS = 12

# What an instruction does that its single accesses do not show.
_DOUBLE, _ON_STACK, _PUSHES = 1, 2, 4

_UC_MEM_WRITE = 17

_UNALIGNED, _UNINITIALISED, _OUTSIDE, _OVERFLOW, _CODE, _UNFILLED, _BUSY = range(1, 8)
VIOLATIONS = {
    _UNALIGNED: (
        "unaligned access",
        "align it to its size (LDRD and STRD: 8 bytes): silicon aborts or rotates",
    ),
    _UNINITIALISED: (
        "read of uninitialised memory",
        "write it first: Core.write for inputs, a store otherwise",
    ),
    _OUTSIDE: (
        "store outside the allowed memory",
        "check the pointer, or open the buffer with Core.allow_store",
    ),
    _OVERFLOW: ("stack overflow", "use less stack, or move the limit with Core.set_stack"),
    _CODE: ("store to code", "keep data in DTCM"),
    _UNFILLED: (
        "read of memory a DMA transfer is filling",
        "wait for the transfer's done bit, then acknowledge it",
    ),
    _BUSY: ("store to memory a DMA transfer uses", "wait for the transfer's done bit, then acknowledge it"),
}


@cfunc(types.void(types.voidptr, types.uint64, types.uint32, types.voidptr), cache=True)
def code_hook(engine, address, size, user):
    """UC_HOOK_CODE: remember which instruction the coming accesses belong to."""
    state = carray(user, (_STATE_WORDS,), np.int64)
    state[_PC] = np.int64(address)
    state[_ACCESS] = 0


@cfunc(
    types.void(types.voidptr, types.int32, types.uint64, types.int32, types.int64, types.voidptr), cache=True
)
def memory_hook(engine, kind, address, size, value, user):
    """UC_HOOK_MEM_READ and WRITE: find the first violation and stop there."""
    state = carray(user, (_STATE_WORDS,), np.int64)
    if state[_KIND]:
        return
    at, pc, write = np.int64(address), state[_PC], kind == _UC_MEM_WRITE
    traits = 0
    if 0 <= pc < ITCM_BYTES:
        traits = int(carray(pointer(state[_TRAITS]), (ITCM_BYTES // 4,), np.uint8)[pc >> 2])
    first = state[_ACCESS] == 0
    state[_ACCESS] += 1
    found = 0
    if at & (size - 1) or (first and traits & _DOUBLE and at & 7):
        found = _UNALIGNED
    elif 0 <= at < ITCM_BYTES:
        code = carray(pointer(state[_ITCM]), (ITCM_BYTES,), np.uint8)
        if write:
            found = _CODE
        else:
            for i in range(at, at + size):
                if not code[i] & INITIALISED:
                    found = _UNINITIALISED
    elif DTCM_BASE <= at < DTCM_END:
        data = carray(pointer(state[_DTCM]), (DTCM_BYTES,), np.uint8)
        below = at < state[_LIMIT]
        for i in range(at - DTCM_BASE, at - DTCM_BASE + size):
            bits = data[i]
            if not write:
                if bits & FILLING:
                    found = _UNFILLED
                elif not bits & INITIALISED:
                    found = _UNINITIALISED
            elif below and traits & _PUSHES:
                found = _OVERFLOW
            elif not bits & (WRITABLE | STACK):
                found = _OVERFLOW if below and traits & _ON_STACK else _OUTSIDE
            elif bits & (FILLING | DRAINING):
                found = _BUSY
            else:
                data[i] = bits | INITIALISED
    if found:
        state[_KIND], state[_AT_PC], state[_ADDRESS], state[_SIZE] = found, pc, at, size
        call_stop(state[_STOP], state[_ENGINE])


def _traits(word: int) -> int:
    """What the memory hook must know about an instruction (encodings: ARM DDI 0100E, A3)."""
    on_stack = _ON_STACK if word >> 16 & 15 == 13 else 0
    group = word >> 25 & 7
    if group == 0:
        double = word & 0x90 == 0x90 and word & 0x60 >= 0x40 and not word >> 20 & 1
        return (_DOUBLE if double else 0) | on_stack
    if group == 4:  # STM: pre- or post-decrement with write back
        return on_stack | (_PUSHES if on_stack and word & 0x00A00000 == 0x00200000 else 0)
    if group in (2, 3):  # STR: pre-decrement with write back
        return on_stack | (_PUSHES if on_stack and word & 0x01A00000 == 0x01200000 else 0)
    return 0


class StrictMemory:
    """The shadow of one core's memories.

    Parameters
    ----------
    handle, stop : int
        The engine, and the address of uc_emu_stop.
    """

    def __init__(self, handle: int, stop: int) -> None:
        self._itcm = np.zeros(ITCM_BYTES, np.uint8)
        self._dtcm = zeros(DTCM_BYTES, np.uint8)
        self._traits = np.zeros(ITCM_BYTES // 4, np.uint8)
        self.state = zeros(_STATE_WORDS)
        self.state[_ITCM], self.state[_DTCM] = self._itcm.ctypes.data, self._dtcm.ctypes.data
        self.state[_TRAITS] = self._traits.ctypes.data
        self.state[_ENGINE], self.state[_STOP] = handle, stop
        self.set_stack(STACK_LIMIT, DTCM_END)
        self.forget()

    def loaded(self, image: Bytes, nbytes: int) -> None:
        """New code: its bytes may be read, as literals."""
        words, where = np.unique(image.view("<u4"), return_inverse=True)
        self._traits[:] = np.array([_traits(int(word)) for word in words], np.uint8)[where]
        self._itcm[:nbytes], self._itcm[nbytes:] = INITIALISED, 0

    def begin(self) -> None:
        """A call starts: nothing of an earlier one is left in state block and stack, but for what is counted there."""
        self.state[_KIND] = 0
        self._dtcm[STATE_BASE - DTCM_BASE : CLAMPED - DTCM_BASE] &= 0xFF ^ INITIALISED
        self._dtcm[self._dtcm & STACK != 0] &= 0xFF ^ INITIALISED

    def resume(self) -> None:
        """Go on after a violation, with what is known of the memory."""
        self.state[_KIND] = 0

    def forget(self) -> None:
        """The whole DTCM is uninitialised and closed to stores, but for the state block and the stack."""
        self._dtcm &= STACK
        self._dtcm[STATE_BASE - DTCM_BASE :][:STATE_BYTES] |= WRITABLE

    def set_stack(self, limit: int, top: int) -> None:
        """The stack is ``[limit, top)``."""
        self.state[_LIMIT] = limit
        self._dtcm &= 0xFF ^ STACK
        self._dtcm[limit - DTCM_BASE : top - DTCM_BASE] |= STACK

    def mark(self, address: int, nbytes: int, give: int, take: int = 0) -> None:
        """Change shadow bits of DTCM bytes; other addresses have no shadow and are left alone."""
        if DTCM_BASE <= address < DTCM_END:
            part = self._dtcm[address - DTCM_BASE : address - DTCM_BASE + nbytes]
            part[:] = part & (0xFF ^ take) | give

    def transfer(self, address: int, nbytes: int, fills: bool, phase: str) -> None:
        """A DMA transfer was committed or is over: ``phase`` is "commit", "done", or why it was dropped."""
        use = FILLING if fills else DRAINING
        if phase == "commit":
            self.mark(address, nbytes, use, INITIALISED if fills else 0)
        else:
            self.mark(address, nbytes, INITIALISED if fills and phase == "done" else 0, use)

    @property
    def violation(self) -> tuple[str, int, int, int, str] | None:
        """Kind, pc, address, size and remedy of the first violation of this call."""
        if not self.state[_KIND]:
            return None
        kind, mend = VIOLATIONS[int(self.state[_KIND])]
        return kind, int(self.state[_AT_PC]), int(self.state[_ADDRESS]), int(self.state[_SIZE]), mend
