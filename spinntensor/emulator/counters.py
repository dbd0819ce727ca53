"""What a core counted: instructions, and its cycles in five categories; a value, no logic of its own."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numba import njit

from spinntensor.emulator.lines import zeros
from spinntensor.emulator.timing import Array, Timing


@dataclass(frozen=True)
class Counters:
    """Counts of a stretch of a core's life; ``later - earlier`` is what happened between.

    Parameters
    ----------
    instructions : int
        Instructions executed, those skipped by their condition included.
    cycles : int
        Clock cycles; the sum of the five categories.
    issue : int
        One cycle per instruction, further words of LDM and STM, register shifts, scaled offsets.
    load_use : int
        Waiting for loaded values.
    multiply : int
        Cycles of multiplies beyond the first, and waiting for their results.
    branch : int
        Refilling the pipeline after a change of the program counter.
    peripheral : int
        Accesses to devices and SDRAM, beyond their one issue cycle.
    multiplies : int
        Multiply instructions executed.
    """

    instructions: int = 0
    cycles: int = 0
    issue: int = 0
    load_use: int = 0
    multiply: int = 0
    branch: int = 0
    peripheral: int = 0
    multiplies: int = 0

    def __sub__(self, other: Counters) -> Counters:
        return Counters(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def __add__(self, other: Counters) -> Counters:
        return Counters(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, eq=False)
class Tally:
    """How often each instruction ran, left the straight line, was skipped, and was entered by a branch.

    Parameters
    ----------
    executed : numpy.ndarray
        Differences of the execution counts; shape (words + 1,).
    left, skipped, waited : numpy.ndarray
        Branches taken, conditions failed, cycles waited for devices; shape (words,).
    covered : numpy.ndarray
        Entries by branch for each row and number of corrected instructions; same shape as the corrections.
    """

    executed: Array
    left: Array
    skipped: Array
    waited: Array
    covered: Array

    @classmethod
    def empty(cls, timing: Timing) -> Tally:
        """All zero, for code with these tables."""
        n = len(timing)
        executed, left, skipped, waited = (zeros(size) for size in (n + 1, n, n, n))
        return cls(executed, left, skipped, waited, zeros(timing.correction.shape))


def executions(tally: Tally) -> Array:
    """How often each instruction was executed; shape (words,)."""
    return np.cumsum(tally.executed)[:-1]


def count(timing: Timing, tally: Tally) -> Counters:
    """The counters that follow from a tally."""
    t = timing
    straight = (t.issue, t.load_use, t.multiply, t.branch, t.multiplies)
    skips = (t.taken, t.skipped_issue, t.skipped_multiply)
    totals = _totals(tally.executed, tally.left, tally.skipped, tally.waited, *straight, *skips)
    runs, issue, load_use, multiply, branch, peripheral, multiplies = map(int, totals)
    if len(tally.covered) > 1:  # row 0 corrects nothing
        load_use += int(np.vdot(tally.covered, t.load_correction))
        multiply += int(np.vdot(tally.covered, t.multiply_correction))
    cycles = issue + load_use + multiply + branch + peripheral
    return Counters(runs, cycles, issue, load_use, multiply, branch, peripheral, multiplies)


@njit(cache=True)
def _totals(
    executed,
    left,
    skipped,
    waited,
    issue,
    load_use,
    multiply,
    branch,
    multiplies,
    taken,
    less_issue,
    less_multiply,
):
    """Sums over all instructions, in one pass: a program may ask for them often."""
    instructions = issues = loads = products = branches = waits = multiplied = runs = 0
    for i in range(len(left)):
        runs += executed[i]
        waits += waited[i]
        if runs == 0 and left[i] == 0 and skipped[i] == 0:
            continue
        instructions += runs
        issues += runs * issue[i] - skipped[i] * less_issue[i]
        loads += runs * load_use[i]
        products += runs * multiply[i] - skipped[i] * less_multiply[i]
        branches += runs * branch[i] + left[i] * taken[i]
        multiplied += (runs - skipped[i]) * multiplies[i]
    return instructions, issues, loads, products, branches, waits, multiplied


def cycles_per_instruction(timing: Timing, tally: Tally) -> Array:
    """Cycles spent on each instruction; shape (words,)."""
    cycles = executions(tally) * np.diff(timing.prefix) + tally.left * timing.taken + tally.waited
    cycles -= tally.skipped * (timing.skipped_issue + timing.skipped_multiply)
    # A run that covered k instructions owes the k-th difference and all before it.
    at_least = np.cumsum(tally.covered[:, ::-1], axis=1)[:, ::-1]
    steps = np.diff(timing.correction, axis=1) * at_least[:, 1:]
    for entry in np.flatnonzero(timing.slot):
        for k, step in enumerate(steps[timing.slot[entry]]):
            if step:
                cycles[entry + k] += step
    return cycles
