"""Doorbells: waits across workers as multicast packets that stay on the chip, with their keys and router entries.

A core rings after its DMA controller has reported the transfer of its results done; a core that is rung counts the
packets of each key in an interrupt that no kernel masks. Rings of a core come in the order of its shares, so a count
says which of them has come, and a wait is for a count. Keys and entries are plain records, to be handed to a router
tool later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from spinntensor.errors import OperandError
from spinntensor.machine.facts import Facts
from spinntensor.plan.needs import HOST
from spinntensor.plan.share import Share

KEY_BASE = 0x5354_0000
"""Upper half of all keys; bits 15:8 are the worker that rings, bits 7:0 one of its sets of targets."""
KEY_MASK = 0xFFFF_FFFF
SETS = 256
"""Sets of targets that a worker may have."""


@dataclass(frozen=True)
class Bells:
    """What doorbells take, in cycles.

    Parameters
    ----------
    cost : of a core for a packet that it sends, and for one that it receives.
    spacing : from one ring of a core to its next at least. As long as a core may take to receive one packet from every
        other core, it shows that at most one packet is under way from a source to a target.
    """

    cost: float = 0.0
    spacing: float = 0.0


def bells(facts: Facts, workers: int) -> Bells:
    """Figures for one chip: the mean of `packet_core_low_ns` and `packet_core_high_ns`; spacing by the high one."""
    cycle_ns = 1e9 / facts.clock_hz
    mean = (facts.packet_core_low_ns + facts.packet_core_high_ns) / 2
    return Bells(mean / cycle_ns, max(0, workers - 1) * facts.packet_core_high_ns / cycle_ns)


@dataclass(frozen=True)
class Ring:
    """What a core sends when a share is done: the key, and the workers that count it."""

    share: int
    worker: int
    key: int
    targets: tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """A multicast entry of the router: packets whose key and `mask` is `key` go to these workers of the chip."""

    key: int
    mask: int
    targets: tuple[int, ...]


@dataclass(frozen=True)
class Doorbells:
    """The rings of a period and the router entries for them.

    Parameters
    ----------
    waits : for each share, and each key that it waits for, the rings of that key in a period up to the awaited one, and
        how many periods ago that period was.
    extra : packets in a period to cores that do not need them, because sets of targets were joined.
    fan_in : the most sources that ring one core: packets that may arrive there at the same time.
    """

    rings: tuple[Ring, ...]
    entries: tuple[Entry, ...]
    waits: Mapping[int, tuple[tuple[int, int, int], ...]]
    extra: int
    fan_in: int

    @property
    def packets(self) -> int:
        """Packets that cores receive in a period."""
        return sum(len(ring.targets) for ring in self.rings)


def targets_of(shares: Sequence[Share]) -> dict[int, frozenset[int]]:
    """For each share that others wait for, their workers; without its own worker, and without the host."""
    found: dict[int, set[int]] = {}
    for share in shares:
        for wait in share.waits:
            other = shares[wait.share]
            if HOST not in (share.worker, other.worker) and other.worker != share.worker:
                found.setdefault(wait.share, set()).add(share.worker)
    return {number: frozenset(workers) for number, workers in found.items()}


def doorbells(shares: Sequence[Share], order: Sequence[Sequence[int]], facts: Facts) -> Doorbells:
    """Keys, rings and entries of a period; a core has one key for each set of targets.

    Where that takes more entries than `facts.router_usable_entries`, sets of one core are joined, those first that cost
    fewest extra packets. OperandError when one set for each core is too many as well.
    """
    wanted = targets_of(shares)
    uses: dict[tuple[int, frozenset[int]], int] = {}
    for number, targets in wanted.items():
        one = shares[number].worker, targets
        uses[one] = uses.get(one, 0) + 1
    joined = _joined(uses, facts.router_usable_entries)
    sets: dict[int, list[frozenset[int]]] = {}
    for worker, targets in sorted(
        {(w, t) for (w, _), t in joined.items()}, key=lambda x: (x[0], sorted(x[1]))
    ):
        sets.setdefault(worker, []).append(targets)
    keys = {(w, t): KEY_BASE | w << 8 | i for w, found in sets.items() for i, t in enumerate(found)}
    entries = tuple(Entry(key, KEY_MASK, tuple(sorted(t))) for (_, t), key in keys.items())
    rings, counts, seen = [], {}, dict.fromkeys(keys.values(), 0)
    for numbers in order:
        for number in numbers:
            if number in wanted:
                worker = shares[number].worker
                targets = joined[worker, wanted[number]]
                key = keys[worker, targets]
                seen[key] += 1
                counts[number] = key, seen[key]
                rings.append(Ring(number, worker, key, tuple(sorted(targets))))
    waits = {
        share.number: tuple(
            (*counts[w.share], w.periods)
            for w in share.waits
            if w.share in counts and shares[w.share].worker != share.worker
        )
        for share in shares
        if share.worker != HOST
    }
    sources: dict[int, set[int]] = {}
    for ring in rings:
        for target in ring.targets:
            sources.setdefault(target, set()).add(ring.worker)
    extra = sum(len(ring.targets) - len(wanted[ring.share]) for ring in rings)
    fan_in = max(map(len, sources.values()), default=0)
    return Doorbells(tuple(rings), entries, {n: w for n, w in waits.items() if w}, extra, fan_in)


def _joined(
    uses: Mapping[tuple[int, frozenset[int]], int], limit: int
) -> dict[tuple[int, frozenset[int]], frozenset[int]]:
    """For each worker's set of targets, the one that is used for it: the sets themselves, or joined ones."""
    found = {one: one[1] for one in uses}
    weights = dict(uses)  # of sets in use
    while len(weights) > limit or _crowded(weights):
        crowded = _crowded(weights)
        best = min(
            (
                (
                    weights[a] * len(b[1] - a[1]) + weights[b] * len(a[1] - b[1]),
                    a[0],
                    sorted(a[1]),
                    sorted(b[1]),
                )
                for a, b in combinations(weights, 2)
                if a[0] == b[0] and (crowded is None or a[0] == crowded)
            ),
            default=None,
        )
        if best is None:
            raise OperandError(
                "doorbells",
                "router entries",
                f"{len(weights)} workers that ring others",
                f"at most {limit}",
                "use fewer workers",
            )
        worker, one, other = best[1], frozenset(best[2]), frozenset(best[3])
        union, total = one | other, weights.pop((worker, one)) + weights.pop((worker, other))
        weights[worker, union] = weights.get((worker, union), 0) + total
        for (w, t), now in found.items():
            if w == worker and now in (one, other):
                found[w, t] = union
    return found


def _crowded(weights: Mapping[tuple[int, frozenset[int]], int]) -> int | None:
    """A worker with more sets than keys can tell apart."""
    counts: dict[int, int] = {}
    for worker, _ in weights:
        counts[worker] = counts.get(worker, 0) + 1
    return next((worker for worker, count in counts.items() if count > SETS), None)
