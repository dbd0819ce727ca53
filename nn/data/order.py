"""The order of samples: a function of count, seed and epoch alone, the same on every machine; and fixed splits."""

from __future__ import annotations

import numpy as np

from spinntensor.formats import Stochastic, random_words

SPLIT = 1 << 31
"""Counters from here on split data; epochs stay below."""


def order(count: int, seed: int, epoch: int = 0) -> np.ndarray:
    """The numbers 0 to count - 1 in random order, int64 [count], by sorting 64-bit words of Philox.

    seed : 0 to 2**64 - 1.    epoch : 0 to 2**31 - 1.
    """
    words = random_words(Stochastic(seed, epoch), 2 * count).astype(np.uint64)
    return np.argsort(words[::2] + (words[1::2] << np.uint64(32)), kind="stable").astype(np.int64)


def split(count: int, held_out: float = 0.25, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sorted indices (rest, held out), at least one in each where there are two samples; no epoch's order is alike."""
    there = min(max(int(np.ceil(count * held_out)), 1), max(count - 1, 0))
    mixed = order(count, seed, SPLIT)
    return np.sort(mixed[there:]), np.sort(mixed[:there])
