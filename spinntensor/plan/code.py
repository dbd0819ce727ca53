"""The instruction memory: the code of all kernels that a core calls lies in its ITCM for a whole run, or it is refused.

Nothing is loaded while kernels run: a DMA transfer into the ITCM would contend with the core's own fetches. So kernels
are chosen for the whole network: where the quickest ones of all stages are too large together, those are given up that
save the most bytes for the least time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spinntensor.image.store import blob
from spinntensor.machine.facts import Facts

MOST = 16
"""Kernels among whose sets the best is looked for."""
RUNTIME = "runtime"
LOADER_BYTES = 256
"""At the top of the ITCM, where SC&MP's loader works (spinnaker_tools, sark.lnk)."""


@dataclass(frozen=True)
class Option:
    """One way to compute a stage: the kernels it calls, and what it takes."""

    kernels: frozenset[str]
    cycles: float


@lru_cache(1 << 10)
def size_of(kernel: str) -> int:
    """Bytes of a kernel's code in the ITCM, in whole words."""
    return -(-len(blob(kernel).code) // 4) * 4


def code_bytes(kernels: Iterable[str]) -> int:
    """Bytes of the code of these kernels together, without the runtime."""
    return sum(size_of(kernel) for kernel in sorted(set(kernels)))


def room(facts: Facts) -> int:
    """Bytes of the ITCM for kernels."""
    return facts.itcm_bytes - LOADER_BYTES - size_of(RUNTIME)


def chosen(options: Mapping[int, Sequence[Option]], limit: int) -> dict[int, int]:
    """For each stage the option to take, so that all kernels together have at most `limit` bytes of code.

    All sets of the kernels that some stage could do without are looked at, the `MOST` of them that matter most; others
    are given up from the start. Of the sets that fit, the one with the fewest cycles is taken; where none does, the
    smallest one, and the caller compares.
    """
    needed = {k for some in options.values() for k in frozenset.intersection(*(o.kernels for o in some))}
    extra = _optional(options, needed)
    bits = {kernel: 1 << i for i, kernel in enumerate(extra)}
    subsets = np.arange(1 << len(extra))
    size = np.full(len(subsets), code_bytes(needed))
    for kernel, bit in bits.items():
        size += size_of(kernel) * ((subsets & bit) > 0)
    cycles = np.zeros(len(subsets))
    for some in options.values():
        best = np.full(len(subsets), np.inf)
        for option in some:
            wanted = option.kernels - needed
            if wanted <= bits.keys():
                mask = sum(bits[k] for k in wanted)
                best = np.where((subsets & mask) == mask, np.minimum(best, option.cycles), best)
        cycles += best
    able = np.isfinite(cycles)
    fitting = able & (size <= limit)
    order = np.lexsort((subsets, size, cycles)) if fitting.any() else np.lexsort((subsets, cycles, size))
    subset = next(int(subsets[i]) for i in order if (fitting if fitting.any() else able)[i])
    allowed = needed | {kernel for kernel, bit in bits.items() if subset & bit}
    return {
        stage: min((i for i, o in enumerate(some) if o.kernels <= allowed), key=lambda i: (some[i].cycles, i))
        for stage, some in options.items()
    }


def _optional(options: Mapping[int, Sequence[Option]], needed: set[str]) -> list[str]:
    """Kernels that are not needed anyway: those without which a stage takes longest, and what stages need to go on."""
    gain: dict[str, float] = {}
    for some in options.values():
        quickest = min(o.cycles for o in some)
        for kernel in {k for o in some for k in o.kernels} - needed:
            without = min((o.cycles for o in some if kernel not in o.kernels), default=np.inf)
            gain[kernel] = gain.get(kernel, 0.0) + (without - quickest)
    for some in options.values():  # at least the smallest way of each stage stays possible
        least = min(some, key=lambda o: (code_bytes(o.kernels - needed), o.cycles, sorted(o.kernels)))
        for kernel in least.kernels - needed:
            gain[kernel] = gain.get(kernel, 0.0) + 1e30
        quick = min(some, key=lambda o: (o.cycles, sorted(o.kernels)))
        for kernel in quick.kernels - needed:
            gain[kernel] = max(gain.get(kernel, 0.0), 1e-3)
    return sorted(gain, key=lambda k: (-gain[k], k))[:MOST]
