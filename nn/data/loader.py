"""Batches of a source, in an order that seed and epoch alone decide, made ahead in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from spinntensor.nn.data.check import wrong
from spinntensor.nn.data.order import order
from spinntensor.nn.data.prefetch import prefetched
from spinntensor.nn.data.source import Arrays, Batch, Source


@dataclass(frozen=True)
class Loader:
    """Batches (x, y) of a source, the last one as small as what is left.

    Parameters
    ----------
    source : samples: a `Source`, an array [n, ...], or a pair (x, y) of arrays.
    batch_size : samples of a batch.
    shuffle : mix the samples anew in each epoch; otherwise they come in their own order.
    seed : of the mixing.
    prefetch : batches that are made before they are asked for; 0: none, and no thread.

    There are never more than prefetch + 1 batches in memory, the one in use included. Batch i of epoch e is the same
    whenever it is asked for, so training that goes on after an interruption sees what it would have seen.

    >>> for x, y in Loader(source, 32, shuffle=True).batches(epoch=3): ...
    """

    source: Source | np.ndarray | tuple[np.ndarray, np.ndarray]
    batch_size: int = 32
    shuffle: bool = False
    seed: int = 0
    prefetch: int = 2
    data: Source = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, lowest in (("batch_size", 1), ("prefetch", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest:
                raise wrong("Loader", name, repr(value), f"an integer from {lowest} on", "correct it")
        object.__setattr__(self, "data", _as_source(self.source))

    @property
    def samples(self) -> int:
        """How many samples an epoch has."""
        return len(self.data)

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-self.samples // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of epoch 0."""
        return self.batches()

    def batches(self, epoch: int = 0, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `first` on; close the iterator, or leave the loop, to stop early."""
        mixed = order(self.samples, self.seed, epoch) if self.shuffle else np.arange(self.samples)
        size = self.batch_size

        def make(i: int) -> Batch:
            start = (first + i) * size
            return self.data.take(mixed[start : start + size])

        return prefetched(make, max(len(self) - first, 0), self.prefetch)


def _as_source(given: Source | np.ndarray | tuple[np.ndarray, np.ndarray]) -> Source:
    """Arrays as a source; a source as it is."""
    if isinstance(given, np.ndarray):
        return Arrays(given)
    if isinstance(given, tuple):
        x, y = given
        return Arrays(np.asanyarray(x), np.asanyarray(y))
    return given
