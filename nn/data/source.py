"""Where samples come from: anything that knows how many it has and gives those that are asked for by number."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Protocol, TypeAlias

import numpy as np

from spinntensor.errors import ShapeError
from spinntensor.nn.data.check import check_counts

Batch: TypeAlias = tuple[np.ndarray, np.ndarray | None]
"""Samples [n, ...] and their labels [n, ...], or None."""


class Source(Protocol):
    """What a `Loader` reads."""

    def __len__(self) -> int: ...

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of all samples, [n, ...], or None."""
        ...

    def take(self, indices: np.ndarray) -> Batch:
        """Copies of the samples of these numbers, in this order."""
        ...


@dataclass(frozen=True)
class Arrays:
    """Samples that are one array, in memory or memory-mapped.

    Parameters
    ----------
    x : samples [n, ...].
    labels : [n, ...], or None.
    name : what errors name.

    OperandError for different counts, no samples, or ragged shapes.
    """

    x: np.ndarray
    labels: np.ndarray | None = None
    name: str = "arrays"

    def __post_init__(self) -> None:
        check_counts(self.x, self.labels, self.name)

    def __len__(self) -> int:
        return len(self.x)

    def take(self, indices: np.ndarray) -> Batch:
        """Copies of the samples of these numbers; of a memory-mapped array only these are read."""
        return _rows(self.x, indices), None if self.labels is None else _rows(self.labels, indices)

    def shaped(self, shape: tuple[int, ...]) -> Arrays:
        """The same samples in another shape, as a view: flattened, with an axis of one channel, or a single sample.

        shape : of one sample. ShapeError for samples of another size.
        """
        if self.x.shape[1:] == shape:
            return self
        if self.x.shape == shape and self.labels is None:
            return Arrays(self.x[np.newaxis], None, self.name)
        plain = [size for size in self.x.shape[1:] if size != 1]
        if (len(shape) == 1 and prod(plain) == shape[0]) or plain == [size for size in shape if size != 1]:
            return Arrays(self.x.reshape(len(self.x), *shape), self.labels, self.name)
        mend = "reshape the array, or build the model for it"
        raise ShapeError(self.name, f"samples {self.x.shape[1:]}", f"{shape}", mend)


@dataclass(frozen=True)
class Scaled:
    """Samples as networks take them: float32, bytes (uint8) as pixels, from 0 to 1.

    source : where they come from, in whatever type.
    """

    source: Source

    def __len__(self) -> int:
        return len(self.source)

    @property
    def labels(self) -> np.ndarray | None:
        """Those of the source."""
        return self.source.labels

    def take(self, indices: np.ndarray) -> Batch:
        """The samples of these numbers; what lies beyond float32 becomes infinite."""
        x, y = self.source.take(indices)
        if x.dtype == np.uint8:
            return x.astype(np.float32) / np.float32(255), y
        with np.errstate(over="ignore"):
            return x.astype(np.float32, copy=False), y


@dataclass(frozen=True)
class Part:
    """Some samples of another source.

    Parameters
    ----------
    source : where they come from.
    indices : their numbers there, int64 [n].
    """

    source: Source
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def labels(self) -> np.ndarray | None:
        """Those of the samples of this part."""
        labels = self.source.labels
        return None if labels is None else labels[self.indices]

    def take(self, indices: np.ndarray) -> Batch:
        """Copies of the samples of these numbers of this part."""
        return self.source.take(self.indices[indices])


@dataclass(frozen=True)
class Joined:
    """Samples of several sources, one after the other; with labels if all of them have some."""

    sources: tuple[Source, ...]

    def __len__(self) -> int:
        return sum(map(len, self.sources))

    @property
    def labels(self) -> np.ndarray | None:
        """Those of all sources, one after the other."""
        labels = [source.labels for source in self.sources if source.labels is not None]
        return np.concatenate(labels) if len(labels) == len(self.sources) else None

    def take(self, indices: np.ndarray) -> Batch:
        """Copies of the samples of these numbers; all sources must give samples of one shape."""
        ends = np.cumsum([len(source) for source in self.sources])
        owner = np.searchsorted(ends, indices, side="right")
        taken: list[Batch] = []
        places = []
        for number, source in enumerate(self.sources):
            (mine,) = np.nonzero(owner == number)
            if mine.size:
                taken.append(source.take(indices[mine] - (ends[number] - len(source))))
                places.append(mine)
        order = np.argsort(np.concatenate(places), kind="stable")
        x = np.concatenate([x for x, _ in taken])[order]
        labels = [y for _, y in taken if y is not None]
        return x, np.concatenate(labels)[order] if len(labels) == len(taken) else None


def _rows(array: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Rows as a new plain array, C-contiguous."""
    return np.array(array[indices], order="C", subok=False)
