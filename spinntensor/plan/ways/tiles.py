"""Tiles of about a worker's part of a stage, for work that walks blocks within its tile."""

from __future__ import annotations

from math import prod

from spinntensor.plan.ways.way import Sizes

MOST = 8
"""Tiles of a stage that are tried."""


def divided(size: int, parts: int, unit: int) -> int | None:
    """The size of equal parts of an axis at multiples of `unit`; None where there are none of at most that many."""
    for count in range(min(parts, size), 1, -1):
        if size % count == 0 and size // count % unit == 0:
            return size // count
    return None


def worker_tiles(shape: Sizes, workers: int, unit: int = 1) -> tuple[Sizes, ...]:
    """Tiles that give each worker one: axes cut from the first on, one axis alone, or none at all.

    unit : multiples at which the last axis is cut, so that no double word belongs to two workers.
    """
    found = [_from_first(shape, workers, unit)]
    for axis, size in enumerate(shape):
        last = axis == len(shape) - 1
        part = divided(size, workers, unit) if last else -(-size // workers) if size > 1 else None
        if part is not None:
            found.append((*shape[:axis], part, *shape[axis + 1 :]))
    found.append(shape)
    return tuple(dict.fromkeys(found))[:MOST]


def _from_first(shape: Sizes, workers: int, unit: int) -> Sizes:
    """The first axis in as many parts as there are workers; what it lacks, the axes behind it."""
    sizes, left = list(shape), workers
    for axis in range(len(shape) - 1):
        sizes[axis] = -(-shape[axis] // left)
        left = max(1, left // -(-shape[axis] // sizes[axis]))
    if shape and left > 1 and prod(shape) > unit:
        sizes[-1] = divided(shape[-1], left, unit) or shape[-1]
    return tuple(sizes)
