"""The compiled callbacks that count cycles block by block, and the int64 array they share with Python.

Unicorn calls ``block_hook`` at the head of every translated block, before it knows how much of it will run.
So a block is booked whole, and ``settle`` takes the rest back when a run stops inside it. No Python runs
here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from spinntensor.emulator.timing import REACH

# The state array. Addresses of the other arrays and of two Unicorn functions stand in it, so that one
# compiled hook serves every core.
CYCLES, INSTRUCTIONS = 0, 1
LAST_END = 3  # index after the last booked instruction; negative before the first one
BLOCK, BLOCK_END = 4, 5  # the block booked last
ROW, DONE = 6, 7  # correction row of the current straight run, instructions corrected so far (REACH: all)
BLOCK_DONE = 8  # DONE when the current block began
STRAY, STRAY_ADDRESS = 9, 10  # blocks that could not be timed, the first one's address
LIMIT, TRAMPOLINE = 11, 12  # instructions of code; index of the call instruction that stands outside it
PREFIX, TAKEN, SLOT, CORRECTION, INTERWORKS = 13, 14, 15, 16, 17
EXECUTED, LEFT, COVERED = 18, 19, 20
ENGINE, REG_READ, EMU_STOP, CPSR = 21, 22, 23, 24
SCRATCH, SCRATCH_ADDRESS = 25, 26  # a cell for register values, and where it lies
# When to stop at the head of a block, before anything of it is booked or executed: as soon as CYCLES has reached
# DEADLINE, or an interrupt is PENDING whose mask in CPSR is open. STOPPED tells that this was why.
DEADLINE, PENDING, STOPPED = 27, 28, 29
PC, WAITED = 30, 31
# Instructions whose address a device's callback can trust, instructions that have reached a device, and whether one
# did so from a place that could not be trusted; see ``exact``.
EXACT, TOUCHED, MISSED = 32, 33, 34
# Of conditional instructions that are watched: condition fields, how often each was skipped, what that gives back.
CONDITION, SKIPPED, RETURNED = 35, 36, 37
STATE_WORDS = 40

NEVER = 1 << 62
IRQ_PENDING, FIQ_PENDING = 1, 2
_I, _F = 0x80, 0x40

# Instructions an ITCM of 32 KB can hold, and one more for differences.
WORDS = 8192
_ROW = REACH + 1
_THUMB = 0x20


def _pointer(typingctx: Any, address: Any) -> Any:
    """An integer address as a pointer."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), codegen


def _call_reg_read(typingctx: Any, function: Any, engine: Any, register: Any, target: Any) -> Any:
    """``uc_reg_read(engine, register, target)`` through its address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(32)
        kind = ir.FunctionType(word, [cgutils.voidptr_t, word, cgutils.voidptr_t])
        callee = builder.inttoptr(args[0], kind.as_pointer())
        engine = builder.inttoptr(args[1], cgutils.voidptr_t)
        target = builder.inttoptr(args[3], cgutils.voidptr_t)
        return builder.call(callee, [engine, builder.trunc(args[2], word), target])

    return types.int32(types.int64, types.int64, types.int64, types.int64), codegen


def _call_stop(typingctx: Any, function: Any, engine: Any) -> Any:
    """``uc_emu_stop(engine)`` through its address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [cgutils.voidptr_t])
        callee = builder.inttoptr(args[0], kind.as_pointer())
        return builder.call(callee, [builder.inttoptr(args[1], cgutils.voidptr_t)])

    return types.int32(types.int64, types.int64), codegen


# Annotated here because numba's own annotation of an intrinsic keeps the typing context among its arguments.
pointer: Any = intrinsic(_pointer)
call_reg_read: Any = intrinsic(_call_reg_read)
call_stop: Any = intrinsic(_call_stop)


@njit(cache=True, inline="always")
def table(state, which, size):
    """The int64 array whose address stands in ``state[which]``."""
    return carray(pointer(state[which]), (size,), np.int64)


@njit(cache=True, inline="always")
def read_register(state, register):
    """A 32-bit register of the engine."""
    state[SCRATCH] = 0
    call_reg_read(state[REG_READ], state[ENGINE], register, state[SCRATCH_ADDRESS])
    return state[SCRATCH] & 0xFFFFFFFF


@njit(cache=True)
def _stray(state, address):
    if state[STRAY] == 0:
        state[STRAY_ADDRESS] = address
    state[STRAY] += 1
    call_stop(state[EMU_STOP], state[ENGINE])


@njit(cache=True)
def _open(state):
    """Whether a pending interrupt is not masked."""
    status = read_register(state, state[CPSR])
    wanted = (0 if status & _I else IRQ_PENDING) | (0 if status & _F else FIQ_PENDING)
    return state[PENDING] & wanted != 0


@njit(cache=True, inline="always")
def _arrive(state, i):
    """Book the branch that led to instruction ``i``, and start its corrections."""
    last = state[LAST_END]
    if last > 0:
        state[CYCLES] += table(state, TAKEN, WORDS)[last - 1]
        table(state, LEFT, WORDS)[last - 1] += 1
    row = table(state, SLOT, WORDS)[i]
    state[ROW] = row
    if row:
        table(state, COVERED, (row + 1) * _ROW)[row * _ROW] += 1
        state[DONE] = 0
    else:
        state[DONE] = REACH


@njit(cache=True)
def _cover(state, before, after):
    """Move the corrections of the current straight run from ``before`` to ``after`` instructions."""
    first = state[ROW] * _ROW
    correction = table(state, CORRECTION, first + _ROW)
    covered = table(state, COVERED, first + _ROW)
    state[CYCLES] += correction[first + after] - correction[first + before]
    covered[first + before] -= 1
    covered[first + after] += 1
    state[DONE] = after


@cfunc(types.void(types.voidptr, types.uint64, types.uint32, types.voidptr), cache=True)
def block_hook(engine, address, size, user):
    """UC_HOOK_BLOCK: book the block of ``size`` bytes at ``address``."""
    state = carray(user, (STATE_WORDS,), np.int64)
    i = np.int64(address >> np.uint64(2))
    end = i + (np.int64(size) >> 2)
    if state[CYCLES] >= state[DEADLINE] or (state[PENDING] and _open(state)):
        state[STOPPED] = 1
        call_stop(state[EMU_STOP], state[ENGINE])
        return
    odd = ((np.int64(address) | np.int64(size)) & 3) != 0
    if odd or (end > state[LIMIT] and i != state[TRAMPOLINE]):
        _stray(state, np.int64(address))
        return
    last = state[LAST_END]
    interworks = last > 0 and table(state, INTERWORKS, WORDS)[last - 1] != 0
    if interworks and read_register(state, state[CPSR]) & _THUMB:
        _stray(state, np.int64(address))
        return
    if i != last:
        _arrive(state, i)
    prefix = table(state, PREFIX, WORDS + 1)
    executed = table(state, EXECUTED, WORDS + 1)
    state[CYCLES] += prefix[end] - prefix[i]
    state[INSTRUCTIONS] += end - i
    executed[i] += 1
    executed[end] -= 1
    done = state[DONE]
    state[BLOCK_DONE] = done
    if done < REACH:
        _cover(state, done, min(done + end - i, REACH))
    state[BLOCK] = i
    state[BLOCK_END] = end
    state[LAST_END] = end


@njit(cache=True, inline="always")
def _holds(condition, cpsr):
    """Whether an instruction with this condition field executes (ARM DDI 0100E, A3.2.1)."""
    n, z, c, v = cpsr >> 31 & 1, cpsr >> 30 & 1, cpsr >> 29 & 1, cpsr >> 28 & 1
    kind = condition >> 1
    if kind == 0:
        found = z
    elif kind == 1:
        found = c
    elif kind == 2:
        found = n
    elif kind == 3:
        found = v
    elif kind == 4:
        found = c & (1 - z)
    elif kind == 5:
        found = 1 - (n ^ v)
    elif kind == 6:
        found = (1 - (n ^ v)) & (1 - z)
    else:
        found = 1
    return found != (condition & 1)


@cfunc(types.void(types.voidptr, types.uint64, types.uint32, types.voidptr), cache=True)
def watch_hook(engine, address, size, user):
    """UC_HOOK_CODE of one conditional instruction: notice when it is skipped."""
    state = carray(user, (STATE_WORDS,), np.int64)
    i = np.int64(address >> np.uint64(2))
    if not _holds(table(state, CONDITION, WORDS)[i], read_register(state, state[CPSR])):
        table(state, SKIPPED, WORDS)[i] += 1
        state[CYCLES] -= table(state, RETURNED, WORDS)[i]


@njit(cache=True)
def cycle_at(state, i):
    """Cycles before instruction ``i`` of the current block, exact inside callbacks."""
    now = state[CYCLES]
    if state[BLOCK] <= i < state[BLOCK_END]:
        prefix = table(state, PREFIX, WORDS + 1)
        now -= prefix[state[BLOCK_END]] - prefix[i]
        before = min(state[BLOCK_DONE] + i - state[BLOCK], REACH)
        if before < state[DONE]:
            first = state[ROW] * _ROW
            correction = table(state, CORRECTION, first + _ROW)
            now -= correction[first + state[DONE]] - correction[first + before]
    return now


@njit(cache=True)
def access(state, cycles):
    """The load or store that runs reaches a device and waits ``cycles``; returns the cycles before it.

    Where the program counter is not exact, the access is booked at the head of its block, and the engine is
    stopped behind the block.
    """
    i = read_register(state, state[PC]) >> 2
    if i < WORDS:
        touched = table(state, TOUCHED, WORDS)
        if not table(state, EXACT, WORDS)[i]:
            state[MISSED], state[DEADLINE] = 1, 0
            i = state[BLOCK]
            touched[i : state[BLOCK_END]] = 1
        touched[i] = 1
        table(state, WAITED, WORDS)[i] += cycles
    now = cycle_at(state, i)
    state[CYCLES] += cycles
    return now


@cfunc(types.void(types.voidptr, types.uint64, types.uint32, types.voidptr), cache=True)
def exact_hook(engine, address, size, user):
    """UC_HOOK_CODE: does nothing; Unicorn keeps the program counter exact for its sake."""


@njit(cache=True)
def settle(state, i, unexecuted):
    """Make the books exact after a run that stopped before instruction ``i``.

    ``unexecuted`` instructions at the end of the last block were booked but did not run; the next run
    continues there and that is no branch. A branch to ``i`` as the last thing that ran is booked now.
    """
    if unexecuted:
        end = state[BLOCK_END]
        prefix = table(state, PREFIX, WORDS + 1)
        executed = table(state, EXECUTED, WORDS + 1)
        state[CYCLES] -= prefix[end] - prefix[i]
        state[INSTRUCTIONS] -= unexecuted
        executed[end] += 1
        executed[i] -= 1
        before = min(state[BLOCK_DONE] + i - state[BLOCK], REACH)
        if before < state[DONE]:
            _cover(state, state[DONE], before)
        state[LAST_END] = i
        state[BLOCK_END] = i
    elif i != state[LAST_END]:
        _arrive(state, i)
        state[LAST_END] = i
        state[BLOCK] = i
        state[BLOCK_END] = i
