"""What fills the SDRAM, and which machine has enough of it, by plain arithmetic over bytes: time is not looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from spinntensor.machine.geometry import chip, spinn3, spinn5
from spinntensor.plan.values import FIXED, STATE, Value

_PLURAL = {"input": "inputs", "output": "outputs", "activation": "activations", "partial": "partial sums"}
_MOST_BOARDS = 1200
"""Boards of the largest machine that was built (SpiNNaker: 1,036,800 cores)."""


def consumers(values: Sequence[Value]) -> dict[str, int]:
    """Bytes by what they are for, all values counted in full, those that share bytes as well."""
    found: dict[str, int] = {}
    for value in values:
        name = value.name.partition(" ")[0] if value.role == STATE else _PLURAL.get(value.role, value.role)
        found[name] = found.get(name, 0) + value.total
    return found


def smallest(values: Sequence[Value], needed: int, limit: int, images: int) -> tuple[str, str]:
    """The smallest machine that has the room, as the grammar spells it, and the arithmetic behind it in words.

    Three ways are tried, the one with fewest chips is named, the first of those that need as many:

    - data parallel: each chip holds weights, state, programs and code, and computes a part of the images; what is not
      fixed shrinks with them.
    - pipeline: each chip holds consecutive stages with all they read and make, nothing on bytes of something else.
    - both: several such pipelines, each of which computes a part of the images.
    """
    fixed = sum(v.total for v in values if v.role in FIXED)
    found = []
    parallel = _parallel(fixed, max(0, needed - fixed), limit, images)
    if parallel is not None:
        chips, each = parallel
        nbytes = fixed + _part(needed - fixed, each, images)
        words = f"data parallel, {chips:,} chips with at most {each:,} of {images:,} images and {nbytes:,} bytes each"
        found.append((chips, 0, words))
    stages = _pipeline(values, limit)
    if stages is not None:
        words = f"pipeline, {stages:,} chips that hold consecutive layers with all they read and make"
        found.append((stages, 1, words))
    else:
        found += [
            (
                lines * long,
                2,
                f"{lines * long:,} chips, {lines:,} pipelines of {long:,} that hold consecutive layers, each for at "
                f"most {-(-images // lines):,} of {images:,} images",
            )
            for lines, long in _both(values, limit, images)
        ]
    for chips, _, words in sorted(found):
        name = machine_of(chips)
        if name:
            return name, words
    return "", "neither fewer images nor fewer layers on a chip make it fit"


def machine_of(chips: int) -> str:
    """The smallest emulated machine with so many chips, as the grammar spells it; empty when there is none."""
    for machine in (chip(), spinn3(), spinn5()):
        if chips <= len(machine.chips):
            return machine.name
    boards = -(-chips // len(spinn5().chips))
    boards = -(-boards // 3) * 3
    return f"spinn5x{boards}" if boards <= _MOST_BOARDS else ""


def _part(nbytes: int, images: int, of: int) -> int:
    """Bytes of some of a batch's images."""
    return -(-nbytes * images // of)


def _parallel(fixed: int, moving: int, limit: int, images: int) -> tuple[int, int] | None:
    """Fewest chips, and images on each, when images are dealt out; None when one image is too many."""
    each = next((n for n in range(images, 0, -1) if fixed + _part(moving, n, images) <= limit), 0)
    return (-(-images // each), each) if each else None


def _both(values: Sequence[Value], limit: int, images: int) -> Iterator[tuple[int, int]]:
    """Numbers of pipelines among which the images are dealt, and chips of each, for those that fit."""
    seen = set()
    for lines in range(2, images + 1):
        each = -(-images // lines)
        if each not in seen:
            seen.add(each)
            mine = [v if v.role in FIXED else _less(v, each, images) for v in values]
            long = _pipeline(mine, limit)
            if long is not None:
                yield lines, long


def _less(value: Value, images: int, of: int) -> Value:
    """A value of some of a batch's images."""
    return replace(value, nbytes=_part(value.nbytes, images, of))


def _pipeline(values: Sequence[Value], limit: int) -> int | None:
    """Chips when stages are put on them in order, as many as fit on each; None when one stage alone does not fit.

    A chip holds each value that one of its stages writes or reads, and what all chips need.
    """
    common = sum(v.total for v in values if not v.uses)
    used: dict[int, set[int]] = {}
    for i, value in enumerate(values):
        for stage in value.uses:
            used.setdefault(stage, set()).add(i)

    def nbytes(held: set[int]) -> int:
        return common + sum(values[i].total for i in held)

    chips, held = 1, set[int]()
    for stage in sorted(used):
        if nbytes(used[stage]) > limit:
            return None
        if nbytes(held | used[stage]) > limit:
            chips, held = chips + 1, set()
        held |= used[stage]
    return chips
