"""Random words for stochastic rounding: Philox 4x32-10, a function of a counter alone.

Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011). The word of an element depends on
(seed, step, node, element index) and on nothing else, so no plan, order or number of cores changes a rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from spinntensor.kernels.check import word

ROUNDS = 10


@dataclass(frozen=True)
class Stochastic:
    """Stochastic rounding; its random numbers are those of this seed, step and node of the graph.

    seed : 0 to 2**64 - 1.    step, node : 0 to 2**32 - 1.    OperandError otherwise.
    """

    seed: int
    step: int = 0
    node: int = 0

    def __post_init__(self) -> None:
        for name, bits in (("seed", 64), ("step", 32), ("node", 32)):
            word("Stochastic", name, getattr(self, name), 0, (1 << bits) - 1)


@njit(cache=True)
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """The four 32-bit words of counter (c0, c1, c2, c3) under key (k0, k1); all uint64 that hold 32 bits."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    m0, m1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
    w0, w1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
    for _ in range(ROUNDS):
        p0, p1 = m0 * c0, m1 * c2
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ k0, p1 & low, (p0 >> half) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + w0) & low, (k1 + w1) & low
    return c0, c1, c2, c3


@njit(cache=True)
def _fill(seed: np.uint64, step: int, node: int, first: int, out: np.ndarray) -> None:
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    last = first + out.size
    for group in range(first // 4, (last + 3) // 4):
        g = np.uint64(group)
        w = philox(g & low, np.uint64(step), np.uint64(node), g >> half, seed & low, seed >> half)
        for lane in range(4):
            i = 4 * group + lane
            if first <= i < last:
                out[i - first] = w[lane]


def random_words(rounding: Stochastic, count: int, first: int = 0) -> np.ndarray:
    """Words of elements first .. first + count - 1, uint32: element i has word i mod 4 of counter (i // 4).

    The counter is (low word of i // 4, step, node, high word of i // 4), the key (low, high word of the seed).
    """
    out = np.empty(count, np.uint32)
    _fill(np.uint64(rounding.seed), rounding.step, rounding.node, first, out)
    return out
