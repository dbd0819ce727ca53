"""What the timing model needs to know about one ARM instruction; it holds facts and computes nothing."""

from __future__ import annotations

from dataclasses import dataclass

ALWAYS = 14

# Where the late part of a result comes from: stalls are booked under this name.
NONE, LOAD, MULTIPLY = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Insn:
    """One decoded ARMv5TE instruction with its cost on an ARM9E-S pipeline.

    Register sets are 16-bit masks, bit n for register n, the program counter (bit 15) included.

    Parameters
    ----------
    word : int
        The 32-bit instruction.
    kind : str
        alu, alu_shift_reg, mul, mla, mull, mlal, smulxy, smlaxy, smlalxy, qadd, clz, load, load_narrow,
        store, ldm, stm, ldrd, strd, swp, branch, mrs, msr, mcr, mrc, pld, trap or undefined.
    cond : int
        Condition field; 14 is always (also set for the unconditional space).
    issue : int
        Cycles when it executes without leaving the straight line and without a stall.
    reads : int
        Registers that must be ready when it issues.
    late_reads : int
        Registers whose value goes to memory; the j-th of them is needed j cycles after issue.
    accumulates : int
        Registers read as the addend of a multiply-accumulate.
    writes : int
        Registers it writes.
    late_writes : int
        Those of ``writes`` that come ``latency`` cycles after its last issue cycle.
    latency : int
        Cycles.
    late_kind : int
        NONE, LOAD or MULTIPLY.
    forwards : bool
        A late result is ready at once as the addend of a multiply-accumulate.
    taken_extra : int
        Cycles on top of ``issue`` when it changes the program counter; 0 when it cannot.
    interworks : bool
        It may enter Thumb state.
    multiplies : bool
        It uses the multiplier.
    """

    word: int
    kind: str
    cond: int = ALWAYS
    issue: int = 1
    reads: int = 0
    late_reads: int = 0
    accumulates: int = 0
    writes: int = 0
    late_writes: int = 0
    latency: int = 0
    late_kind: int = NONE
    forwards: bool = False
    taken_extra: int = 0
    interworks: bool = False
    multiplies: bool = False

    @property
    def conditional(self) -> bool:
        """Whether it may be skipped by its condition."""
        return self.cond != ALWAYS

    @property
    def multiply_cycles(self) -> int:
        """Issue cycles beyond the first that are booked under multiply."""
        return self.issue - 1 if self.multiplies else 0
