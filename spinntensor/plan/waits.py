"""Waits of shares as an order in time: one in which all can run, and which waits the others imply.

A worker's shares are done in their order, and results leave in that order, so what is known to be done is one place in
each worker's row of shares: a vector clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from spinntensor.errors import OperandError
from spinntensor.plan.share import Share, Wait

Clock = list[int]
"""For each row, how many of its shares are known to be done, counted from the first period that is looked at."""


def rows(shares: Sequence[Share], order: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    """For each share, its row in `order` and its place there; OperandError unless each lies in exactly one."""
    found = {
        number: (row, place) for row, numbers in enumerate(order) for place, number in enumerate(numbers)
    }
    listed = sorted(number for numbers in order for number in numbers)
    if listed != list(range(len(shares))):
        raise OperandError(
            "schedule",
            "order",
            f"{len(listed)} numbers of shares, {len(found)} different",
            f"each of 0 to {len(shares) - 1} once",
            "name every share once",
        )
    return tuple(found[number] for number in range(len(shares)))


def sequence(shares: Sequence[Share], order: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Numbers of all shares so that each comes behind those of the same period that it waits for, and its row's before.

    OperandError when shares wait for one another in a circle: such a schedule would never end.
    """
    where = rows(shares, order)
    waiting = [sum(w.periods == 0 for w in share.waits) + (where[share.number][1] > 0) for share in shares]
    freed: list[list[int]] = [[] for _ in shares]
    for share in shares:
        for wait in share.waits:
            if wait.periods == 0:
                freed[wait.share].append(share.number)
    for numbers in order:
        for one, behind in pairwise(numbers):
            freed[one].append(behind)
    done = [number for number, count in enumerate(waiting) if not count]
    for number in done:  # grows as it is walked
        for other in freed[number]:
            waiting[other] -= 1
            if not waiting[other]:
                done.append(other)
    if len(done) < len(shares):
        stuck = [number for number, count in enumerate(waiting) if count]
        raise OperandError(
            "schedule",
            "waits",
            f"{len(stuck)} shares that wait in a circle, such as {stuck[:3]}",
            "waits for shares before, or for periods before",
            "change the order, or let one of them wait for the period before",
        )
    return tuple(done)


def reduced(shares: Sequence[Share], order: Sequence[Sequence[int]]) -> tuple[Share, ...]:
    """The shares without waits that the other waits and the order imply: what must be done is the same."""
    kept, _ = _walked(shares, order)
    return tuple(
        replace(share, waits=tuple(w for w in share.waits if w in keep))
        for share, keep in zip(shares, kept, strict=True)
    )


def known(shares: Sequence[Share], order: Sequence[Sequence[int]]) -> tuple[Clock, ...]:
    """For each share, what is known to be done when its first transfer starts, in a steady state.

    Counts are of the periods before, too: `len(order[row])` less a place means that of the period before. They start
    from as many periods ago as the longest wait, whose number is the last entry of each clock.
    """
    _, clocks = _walked(shares, order)
    periods = _reach(shares)
    return tuple([*clock, periods] for clock in clocks)


def _reach(shares: Sequence[Share]) -> int:
    """Periods that the longest wait goes back."""
    return max((w.periods for share in shares for w in share.waits), default=0)


def _walked(
    shares: Sequence[Share], order: Sequence[Sequence[int]]
) -> tuple[list[frozenset[Wait]], list[Clock]]:
    """For each share, the waits that are needed, and what is known at its start, in the last of `_reach` + 1 periods.

    Paths between two shares stay within the periods between them, so that many show all that can imply a wait.
    """
    where, walk, reach = rows(shares, order), sequence(shares, order), _reach(shares)
    lengths = [len(numbers) for numbers in order]
    rank = {number: place for place, number in enumerate(walk)}
    ends: list[list[Clock]] = []  # of each period, of each share, what is known when it is done
    start: list[Clock] = [[0] * len(order) for _ in order]  # of each row, at the start of its last share
    behind: list[Clock] = [[0] * len(order) for _ in order]  # of each row, at the end of its last share
    kept: list[frozenset[Wait]] = [frozenset() for _ in shares]
    clocks: list[Clock] = [[] for _ in shares]
    for period in range(reach + 1):
        ends.append([[] for _ in shares])
        for number in walk:
            row, place = where[number]
            clock, keep = start[row], []
            latest = sorted(shares[number].waits, key=lambda w: (w.periods, -rank[w.share]))
            for wait in latest:
                if wait.periods > period:
                    continue
                other, at = where[wait.share]
                if clock[other] > (period - wait.periods) * lengths[other] + at:
                    continue
                keep.append(wait)
                clock = [*map(max, clock, ends[period - wait.periods][wait.share])]
            kept[number], clocks[number], start[row] = frozenset(keep), clock, clock
            done = [*map(max, clock, behind[row])]
            done[row] = period * lengths[row] + place + 1
            ends[period][number] = behind[row] = done
    return kept, clocks
