"""Dealing a stage's tiles to workers: each gets a run of neighbours, so that it keeps operands that they share."""

from __future__ import annotations

from collections.abc import Sequence

LEVEL = 1.01
"""Runs that differ by less than this factor keep their order, which keeps images with their workers."""


def runs(costs: Sequence[float], parts: int) -> tuple[int, ...]:
    """Lengths of at most `parts` runs of neighbours, the largest sum of which is as small as can be.

    The smallest feasible bound is found by bisection to a millionth; runs are then filled from the front up to that
    bound, but not beyond what leaves each later run its part.
    """
    total, low = sum(costs), max(costs, default=0.0)
    high = total
    low = max(low, total / parts)
    if _needed(costs, low * (1 + 1e-9)) <= parts:
        high = low
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        if _needed(costs, middle) <= parts:
            high = middle
        else:
            low = middle
    return _levelled(costs, parts, high * (1 + 1e-9))


def _needed(costs: Sequence[float], bound: float) -> int:
    """Runs that are needed when none may exceed `bound`."""
    needed, filled = 1, 0.0
    for cost in costs:
        filled += cost
        if filled > bound:
            needed, filled = needed + 1, cost
    return needed


def _levelled(costs: Sequence[float], parts: int, bound: float) -> tuple[int, ...]:
    """Runs within the bound that come close to an equal share of what is left; the bound must be feasible."""
    lengths = []
    left, at = sum(costs), 0
    tails = _tail_runs(costs, bound)
    for part in range(parts, 0, -1):
        target, filled, start = left / part, 0.0, at
        while at < len(costs):
            must = at == start or tails[at] > part - 1
            if not must and filled + costs[at] / 2 > target:
                break
            if at > start and filled + costs[at] > bound:
                break
            filled += costs[at]
            at += 1
        left -= filled
        lengths.append(at - start)
        if at == len(costs):
            break
    return tuple(lengths)


def _tail_runs(costs: Sequence[float], bound: float) -> list[int]:
    """For each place, runs that the costs from it on need, filled from the back."""
    needed = [0] * (len(costs) + 1)
    runs_, filled = 1, 0.0
    for i in range(len(costs) - 1, -1, -1):
        filled += costs[i]
        if filled > bound:
            runs_, filled = runs_ + 1, costs[i]
        needed[i] = runs_
    return needed


def deal(costs: Sequence[float], loads: Sequence[float]) -> tuple[int, ...]:
    """The worker of each tile, from the tiles' costs in order and what each worker has to do already.

    The longest run goes to the worker with the least to do; equal runs go to the workers in their order.
    """
    lengths = runs(costs, len(loads))
    sums, at = [], 0
    for length in lengths:
        sums.append(sum(costs[at : at + length]))
        at += length
    workers = list(range(len(lengths)))
    full = len(lengths) == len(loads)
    if not full or max(sums) > LEVEL * min(sums):
        idle = sorted(range(len(loads)), key=lambda w: (loads[w], w))
        longest = sorted(range(len(lengths)), key=lambda r: (-sums[r], r))
        for run, worker in zip(longest, idle, strict=False):
            workers[run] = worker
    return tuple(worker for worker, length in zip(workers, lengths, strict=True) for _ in range(length))
