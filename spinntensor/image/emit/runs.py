"""Parts of runs: what lies side by side in the DTCM goes to, or comes from, the runs of a box in SDRAM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from spinntensor.image.emit.action import Fetch, Spot, Store, Where
from spinntensor.image.emit.site import Run


class Line(NamedTuple):
    """Bytes that lie side by side in SDRAM and in the DTCM: `offset` from where the DTCM's begin."""

    at: Where
    offset: int
    nbytes: int


def lines(runs: Iterable[Run], start: int = 0, stop: int | None = None) -> Iterator[Line]:
    """Bytes `start` to `stop` of the runs taken one behind the other; runs that follow each other are one line."""
    at = 0
    last: Line | None = None
    for run in runs:
        first, end = max(at, start), at + run.nbytes if stop is None else min(at + run.nbytes, stop)
        if first < end:
            where = run.at + (first - at)
            if last is not None and last.at + last.nbytes == where:
                last = Line(last.at, last.offset, last.nbytes + end - first)
            else:
                if last is not None:
                    yield last
                last = Line(where, first - start, end - first)
        at += run.nbytes
    if last is not None:
        yield last


def fetched(operand: str, found: Iterable[Line], to: Spot) -> Iterator[Fetch]:
    """A fetch for each line, to where they lie side by side in the DTCM from `to` on."""
    for line in found:
        yield Fetch(operand, line.at, moved(to, line.offset, line.nbytes), line.nbytes)


def stored(operand: str, found: Iterable[Line], source: Spot) -> Iterator[Store]:
    """A store for each line, from where they lie side by side in the DTCM from `source` on."""
    for line in found:
        yield Store(operand, moved(source, line.offset, line.nbytes), line.at, line.nbytes)


def moved(spot: Spot, offset: int, nbytes: int) -> Spot:
    """A part of a spot: so many bytes from so many behind its first on."""
    return Spot(spot.region, spot.offset + offset, nbytes, spot.turn, spot.turns)
