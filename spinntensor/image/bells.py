"""Doorbells as the tile engine counts them: rings by source, of each period, for each worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinntensor.abi.runtime import HOST_SOURCE, KEY_BASE, SHARE_WAITS, SOURCES
from spinntensor.errors import OperandError
from spinntensor.machine.facts import Facts
from spinntensor.plan.doorbells import doorbells
from spinntensor.plan.share import Share

CREDIT_KEY = KEY_BASE | HOST_SOURCE << 8
"""Routing key by which the host's credits reach all workers."""
_MASK = 0xFFFF_FFFF


@dataclass(frozen=True)
class Route:
    """A router entry: packets whose key and `mask` is `key` go to these workers."""

    key: int
    mask: int
    workers: tuple[int, ...]


@dataclass(frozen=True)
class Rings:
    """What workers send and wait for in a period.

    Parameters
    ----------
    keys : of each share that rings, by its number.
    waits : of each share, words as `abi.runtime.SHARE` has them.
    rates : of each worker, the rings that it hears from each source in a period.
    routes : router entries.
    """

    keys: Mapping[int, int]
    waits: Mapping[int, tuple[int, ...]]
    rates: tuple[tuple[int, ...], ...]
    routes: tuple[Route, ...]


def rings_of(
    shares: Sequence[Share], order: Sequence[Sequence[int]], fed: Mapping[int, int], facts: Facts
) -> Rings:
    """The rings of a period.

    fed : shares that wait for the host's credit, by their numbers, with their phases.

    OperandError for more rings in a period than a wait word can count.
    """
    workers = len(order)
    made = doorbells(shares, order, facts)
    rates = [[0] * SOURCES for _ in range(workers)]
    heard: dict[tuple[int, int], int] = {}
    for ring in made.rings:
        for target in ring.targets:
            rates[target][ring.worker] += 1
            heard[ring.share, target] = rates[target][ring.worker]
    if max((r for row in rates for r in row), default=0) > 0xFFFF:
        raise OperandError(
            "doorbells", "rings", "more than 65,535 of a core in a period", "fewer", "cut less"
        )
    waits = {}
    for share in shares:
        strongest: dict[int, tuple[int, int, int]] = {}
        for wait in share.waits:
            source = shares[wait.share].worker
            if source == share.worker:
                continue
            index = heard[wait.share, share.worker]
            need = index - wait.periods * rates[share.worker][source]
            if source not in strongest or need > strongest[source][0]:
                strongest[source] = need, wait.periods, index
        words = [source << 24 | ago << 16 | index for source, (_, ago, index) in sorted(strongest.items())]
        if share.number in fed:
            words.append(HOST_SOURCE << 24 | fed[share.number] << 16 | 1)
        assert len(words) <= SHARE_WAITS
        waits[share.number] = tuple(words)
    for row in rates:
        row[HOST_SOURCE] = 1
    routes = [Route(entry.key, entry.mask, entry.targets) for entry in made.entries]
    routes.append(Route(CREDIT_KEY, _MASK, tuple(range(workers))))
    keys = {ring.share: ring.key for ring in made.rings}
    return Rings(keys, waits, tuple(map(tuple, rates)), tuple(routes))
