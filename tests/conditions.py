"""Whether an ARM condition holds for given flags."""

from __future__ import annotations


def holds(condition: int, cpsr: int) -> bool:
    """Whether an instruction with this condition field executes (ARM DDI 0100E, A3.2.1).

    Parameters
    ----------
    condition : int
        Bits 31:28 of the instruction, 0 to 14.
    cpsr : int
        Flags N, Z, C, V in bits 31 to 28.
    """
    n, z, c, v = (bool(cpsr >> position & 1) for position in (31, 30, 29, 28))
    positive = (z, c, n, v, c and not z, n == v, n == v and not z, True)
    return positive[condition >> 1] != bool(condition & 1)
