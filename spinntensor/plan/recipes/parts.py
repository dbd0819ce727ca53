"""What recipes are put together from: the room of the DTCM, calls by their sizes, transfers in pieces."""

from __future__ import annotations

from collections.abc import Iterable

from spinntensor.abi import memory
from spinntensor.abi.runtime import WALK_BYTES
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Call, Region, Transfer

ENGINE_BYTES = WALK_BYTES
"""What the tile engine takes of the operands' bytes: blocks of commands, tasks, shares and its log."""
OPERANDS_AT = memory.OPERANDS_BASE + ENGINE_BYTES
"""First DTCM address of a program's regions."""
ROOM = memory.OPERANDS_BYTES - ENGINE_BYTES
"""DTCM bytes that the regions of a program may have, where it is not traced."""


def up(nbytes: int) -> int:
    """`nbytes` in whole double words."""
    return -(-nbytes // DOUBLE) * DOUBLE


def call(kernel: str, count: int = 1, **sizes: int) -> Call:
    """`count` calls of `kernel` on a shape."""
    return Call(kernel, tuple(sorted(sizes.items())), count)


def gathered(calls: Iterable[Call]) -> tuple[Call, ...]:
    """The calls in order of first use, equal ones counted together, those that are never made left out."""
    counts: dict[tuple[str, tuple[tuple[str, int], ...]], int] = {}
    for c in calls:
        if c.count:
            counts[c.kernel, c.shape] = counts.get((c.kernel, c.shape), 0) + c.count
    return tuple(Call(kernel, shape, n) for (kernel, shape), n in counts.items())


def regions(sizes: Iterable[tuple[str, int, int]]) -> tuple[Region, ...]:
    """Regions from (name, bytes, places); empty ones are left out."""
    return tuple(Region(name, up(nbytes), places) for name, nbytes, places in sizes if nbytes)


def moved(operand: str, nbytes: int, pieces: int = 1, parts: int = 1) -> Transfer:
    """A transfer of `nbytes` in `pieces` equal pieces, each of whole double words, `parts` as in `Transfer`."""
    return Transfer(operand, up(-(-nbytes // pieces)) * pieces, pieces, parts)


def spans(size: int, step: int) -> list[tuple[int, int]]:
    """(length, how many) of the parts of `size` in steps of `step`: the full ones, and a shorter last one."""
    full, rest = divmod(size, step)
    return [(length, n) for length, n in ((step, full), (rest, 1)) if length and n]
