"""Turns a block of ARM code into tables of cycles: what each instruction costs, and why; it runs nothing.

The code is swept once, as if every instruction followed the one before it, with one ready time per
register. The cycles of a straight run ``[i, j)`` are then ``prefix[j] - prefix[i]``, however a run is cut
into pieces. A run that starts at a taken branch owes no stalls to what stands before it in memory:
``correction`` takes them back, instruction by instruction, until both histories have merged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spinntensor.emulator.decode import decode
from spinntensor.emulator.insn import ALWAYS, LOAD, MULTIPLY, Insn
from spinntensor.emulator.lines import zeros

Array = NDArray[np.int64]

# Instructions after a taken branch for which the two histories are compared. Results are at most two cycles
# late, so they nearly always merge after two; longer only in chains of byte loads where each waits for the
# last but one.
REACH = 8

_READS, _STORED, _ADDENDS, _WRITES, _LATE, _LATENCY, _KIND, _FORWARDS, _CYCLES = range(9)


@dataclass(frozen=True, eq=False)
class Timing:
    """Cycle tables of one block of code; every array is read-only and shared by all cores that run it.

    Parameters
    ----------
    prefix : numpy.ndarray
        Cycles of a straight run from the first instruction; shape (n + 1,).
    taken : numpy.ndarray
        Extra cycles when a conditional instruction leaves the straight line; an unconditional one
        always does and has them in ``prefix``. Shape (n,).
    issue, load_use, multiply, branch : numpy.ndarray
        The four parts of each instruction's cycles in ``prefix``; shape (n,).
    skipped_issue, skipped_multiply : numpy.ndarray
        Cycles given back when the condition fails: 1 cycle remains (general ARM9 behaviour). Interlocks
        are found at decode, before the condition is known, so they stay. Shape (n,).
    slot : numpy.ndarray
        Row of the corrections for a run that starts here; row 0 is all zero. Shape (n,).
    correction : numpy.ndarray
        Cycles to add after the first k instructions of such a run; shape (rows, REACH + 1).
    load_correction, multiply_correction : numpy.ndarray
        The two parts of ``correction``.
    multiplies : numpy.ndarray
        1 for instructions that use the multiplier; shape (n,).
    interworks : numpy.ndarray
        1 for instructions that may enter Thumb state; shape (n,).
    watched : tuple of int
        Indices of the conditional instructions whose skipping must be noticed.
    """

    prefix: Array
    taken: Array
    issue: Array
    load_use: Array
    multiply: Array
    branch: Array
    skipped_issue: Array
    skipped_multiply: Array
    slot: Array
    correction: Array
    load_correction: Array
    multiply_correction: Array
    multiplies: Array
    interworks: Array
    watched: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.taken)


@lru_cache(maxsize=64)
def timing(code: bytes) -> Timing:
    """The cycle tables of ``code``, cached by its bytes.

    Parameters
    ----------
    code : bytes
        Little-endian ARM instructions, a whole number of words. Data among them costs nothing.
    """
    if len(code) % 4:
        raise ValueError(f"code of {len(code)} bytes; expected a multiple of 4: pad it to whole words")
    words, where = np.unique(np.frombuffer(code, "<u4"), return_inverse=True)
    insns = [decode(int(word)) for word in words]
    table = np.array([_row(insn) for insn in insns], np.int64).reshape(-1, 9)[where]
    static = np.array([_static(insn) for insn in insns], np.int64).reshape(-1, 7)[where].T
    issue, taken, skipped_issue, skipped_multiply, multiplies, interworks, always = static
    n = len(table)
    load_use, multiply_use = np.zeros(n, np.int64), np.zeros(n, np.int64)
    slot, corrections = np.zeros(n, np.int64), np.zeros((n + 1, 2, REACH + 1), np.int64)
    used = _sweep(table, load_use, multiply_use, slot, corrections)
    by_load, by_multiply = corrections[:used, 0], corrections[:used, 1]

    branch = np.where(always, taken, 0)
    multiply = skipped_multiply + multiply_use
    cycles = issue - skipped_multiply + load_use + multiply + branch
    prefix = np.concatenate([[0], np.cumsum(cycles)])
    conditional = ~always.astype(bool)
    watched = conditional & ((skipped_issue + skipped_multiply + multiplies) > 0)
    return Timing(
        prefix=_frozen(prefix),
        taken=_frozen(np.where(always, 0, taken)),
        issue=_frozen(issue - skipped_multiply),
        load_use=_frozen(load_use),
        multiply=_frozen(multiply),
        branch=_frozen(branch),
        skipped_issue=_frozen(skipped_issue),
        skipped_multiply=_frozen(skipped_multiply),
        slot=_frozen(slot),
        correction=_frozen(by_load + by_multiply),
        load_correction=_frozen(by_load),
        multiply_correction=_frozen(by_multiply),
        multiplies=_frozen(multiplies),
        interworks=_frozen(interworks),
        watched=tuple(map(int, np.flatnonzero(watched))),
    )


def _row(insn: Insn) -> tuple[int, ...]:
    """What the sweep needs; its cycles include leaving the straight line where that always happens."""
    cycles = insn.issue if insn.conditional else insn.issue + insn.taken_extra
    late = (insn.late_writes, insn.latency, insn.late_kind, int(insn.forwards))
    return (insn.reads, insn.late_reads, insn.accumulates, insn.writes, *late, cycles)


def _static(insn: Insn) -> tuple[int, ...]:
    more = insn.multiply_cycles
    flags = (int(insn.multiplies), int(insn.interworks), int(insn.cond == ALWAYS))
    return (insn.issue, insn.taken_extra, insn.issue - 1 - more, more, *flags)


def _frozen(array: Array) -> Array:
    copy = zeros(array.shape)
    copy[...] = array
    copy.flags.writeable = False
    return copy


@njit(cache=True)
def _stall(row, now, ready, addend, why):
    """Cycles ``row`` must wait at ``now``, and the kind of the result it waits for."""
    wait, kind, rank = 0, 0, 0
    for register in range(16):
        bit = 1 << register
        if row[_READS] & bit and ready[register] - now > wait:
            wait, kind = ready[register] - now, why[register]
        if row[_ADDENDS] & bit and addend[register] - now > wait:
            wait, kind = addend[register] - now, why[register]
        if row[_STORED] & bit:
            if ready[register] - now - rank > wait:
                wait, kind = ready[register] - now - rank, why[register]
            rank += 1
    return wait, kind


@njit(cache=True)
def _retire(row, end, ready, addend, why):
    """Note when the results of ``row``, whose last issue cycle ends at ``end``, can be used."""
    for register in range(16):
        bit = 1 << register
        if row[_WRITES] & bit:
            late = row[_LATENCY] if row[_LATE] & bit else 0
            ready[register] = end + late
            addend[register] = end if row[_FORWARDS] else end + late
            why[register] = row[_KIND]


@njit(cache=True)
def _sweep(table, load_use, multiply_use, slot, corrections):
    """Fill the stalls of the straight line, then the corrections of every entry; returns the rows used."""
    ready, addend, why = np.zeros(16, np.int64), np.zeros(16, np.int64), np.zeros(16, np.int64)
    pending = np.zeros(len(table) + 1, np.bool_)
    now = 0
    for i in range(len(table)):
        pending[i] = ready.max() > now
        wait, kind = _stall(table[i], now, ready, addend, why)
        if kind == LOAD:
            load_use[i] = wait
        elif kind == MULTIPLY:
            multiply_use[i] = wait
        now += wait + table[i, _CYCLES]
        _retire(table[i], now, ready, addend, why)
    used = 1
    for entry in range(len(table)):
        if not pending[entry]:
            continue
        ready[:], addend[:], now, differs = 0, 0, 0, False
        for k in range(1, REACH + 1):
            i = entry + k - 1
            for part in range(2):
                corrections[used, part, k] = corrections[used, part, k - 1]
            if i >= len(table):
                continue
            wait, kind = _stall(table[i], now, ready, addend, why)
            corrections[used, 0, k] += (wait if kind == LOAD else 0) - load_use[i]
            corrections[used, 1, k] += (wait if kind == MULTIPLY else 0) - multiply_use[i]
            differs |= corrections[used, 0, k] != 0 or corrections[used, 1, k] != 0
            now += wait + table[i, _CYCLES]
            _retire(table[i], now, ready, addend, why)
        if differs:
            slot[entry] = used
            used += 1
        else:
            corrections[used] = 0
    return used
