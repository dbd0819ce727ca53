"""What `fit` and `evaluate` are given - arrays, or a loader - as checked batches of float32 inputs and targets.

A loader is an object with a length, the number of its batches, that gives pairs (x, y): by `batches(epoch, first)`,
as `nn.data.Loader` does, or by iteration; one that has a method `shuffle(epoch)` is told the epoch before.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeAlias

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.nn.data.order import order
from spinntensor.nn.graph import Symbol
from spinntensor.nn.objective import Objective

Arrays: TypeAlias = tuple[np.ndarray, ...]
Batch: TypeAlias = tuple[Arrays, Arrays]
"""Inputs and targets, one array for each input and for each output of the model."""


class Batches(Protocol):
    """Checked batches of any origin."""

    def __len__(self) -> int: ...

    def batches(self, epoch: int = 0, first: int = 0) -> Generator[Batch, None, None]:
        """The batches of an epoch from number `first` on."""
        ...


@dataclass(frozen=True)
class ArrayBatches:
    """Batches of arrays; the last one is as small as what is left.

    seed : of the order, which this and the epoch alone decide; None leaves the samples in their own order.
    """

    xs: Arrays
    ys: Arrays
    batch_size: int
    seed: int | None = None

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self.xs[0])

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def batches(self, epoch: int = 0, first: int = 0) -> Generator[Batch, None, None]:
        """The batches of an epoch from number `first` on."""
        mixed = np.arange(self.samples) if self.seed is None else order(self.samples, self.seed, epoch)
        for start in range(first * self.batch_size, self.samples, self.batch_size):
            chosen = mixed[start : start + self.batch_size]
            yield tuple(_single(x[chosen]) for x in self.xs), tuple(y[chosen] for y in self.ys)

    def split(self, share: float) -> tuple[ArrayBatches, ArrayBatches]:
        """All but the last `share` of the samples, and these, which keep their order."""
        count = self.samples
        kept = int(count * (1.0 - share))
        if not 0 < share < 1 or not 0 < kept < count:
            received = f"{share!r} of {count} samples"
            mend = "choose a share between 0 and 1"
            raise OperandError("fit", "validation_split", received, "samples on both sides", mend)
        parts = [
            [tuple(a[s] for a in arrays) for s in (slice(kept), slice(kept, None))]
            for arrays in (self.xs, self.ys)
        ]
        (x1, x2), (y1, y2) = parts
        return (
            ArrayBatches(x1, y1, self.batch_size, self.seed),
            ArrayBatches(x2, y2, self.batch_size, None),
        )


@dataclass(frozen=True)
class LoaderBatches:
    """Batches of a loader, each checked when it comes."""

    loader: Any
    inputs: Sequence[Symbol]
    objective: Objective

    def __len__(self) -> int:
        return len(self.loader)

    def batches(self, epoch: int = 0, first: int = 0) -> Generator[Batch, None, None]:
        """The batches of an epoch from number `first` on; OperandError for one that does not fit the model."""
        for number, pair in enumerate(self._raw(epoch, first), first):
            if not isinstance(pair, tuple | list) or len(pair) != 2 or pair[1] is None:
                received = f"batch {number} as {_kind(pair)}"
                mend = "let the loader give targets, too"
                raise OperandError("fit", "x", received, "a pair (x, y)", mend)
            xs, ys = checked(pair[0], pair[1], self.inputs, self.objective)
            yield tuple(_single(x) for x in xs), ys

    def _raw(self, epoch: int, first: int) -> Iterator[Any]:
        if hasattr(self.loader, "batches"):
            return iter(self.loader.batches(epoch, first))
        if callable(getattr(self.loader, "shuffle", None)):
            self.loader.shuffle(epoch)
        return islice(iter(self.loader), first, None)


def batches(
    x: Any,
    y: Any,
    inputs: Sequence[Symbol],
    objective: Objective,
    batch_size: int = 32,
    seed: int | None = None,
) -> ArrayBatches | LoaderBatches:
    """Batches of whatever the user gave; OperandError, before anything is trained, for what does not fit the model."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise OperandError("fit", "batch_size", repr(batch_size), "a number of samples from 1 on", "try 32")
    if y is None:
        if not hasattr(x, "__len__") or isinstance(x, np.ndarray | list | tuple) or not len(x):
            received = f"none, for x {_kind(x)}"
            mend = "give y, or a loader of pairs that has a length"
            raise OperandError("fit", "y", received, "targets", mend)
        return LoaderBatches(x, inputs, objective)
    xs, ys = checked(x, y, inputs, objective)
    return ArrayBatches(xs, ys, int(batch_size), seed)


def checked(x: Any, y: Any, inputs: Sequence[Symbol], objective: Objective) -> Batch:
    """Inputs as they come and targets as the losses take them; OperandError for what does not fit the model."""
    if isinstance(x, list | tuple) and len(x) == len(inputs) == 1 and np.ndim(x[0]) > len(inputs[0].shape):
        x = x[0]  # the only array, in a list
    given = _several("x", x, len(inputs))
    for array, symbol in zip(given, inputs, strict=True):
        if array.ndim == 0 or array.shape[1:] != symbol.shape or array.dtype.kind not in "iuf":
            received = f"{array.dtype} of shape {array.shape}"
            expected = (
                f"numbers [{', '.join(['samples', *map(str, symbol.shape)])}] for input {symbol.layer.name!r}"
            )
            raise OperandError("fit", "x", received, expected, "reshape or convert it")
    wanted = _several("y", y, len(objective.outputs))
    count = len(given[0])
    for name, arrays in (("x", given), ("y", wanted)):
        lengths = [len(a) if a.ndim else 0 for a in arrays]
        if any(n != count for n in lengths):
            received = f"{', '.join(map(str, lengths))} for {count} samples"
            raise OperandError("fit", name, received, "one for each sample", "give equally many of x and y")
    if not count:
        raise OperandError("fit", "x", "no samples", "at least one", "look at how the data is read")
    return given, objective.targets(wanted)


def _several(name: str, value: Any, count: int) -> Arrays:
    """One array for each input or output of the model."""
    several = isinstance(value, list | tuple) and count > 1
    values = list(value) if several else [value]
    if len(values) != count:
        received, expected = (
            f"{len(values)} arrays",
            f"{count}, one for each {'input' if name == 'x' else 'output'}",
        )
        raise OperandError("fit", name, received, expected, "give them as a list")
    try:
        return tuple(np.asarray(v) for v in values)
    except ValueError as error:
        raise OperandError("fit", name, f"ragged numbers ({error})", "an array", "use one shape") from None


def _single(x: np.ndarray) -> np.ndarray:
    """float32; what lies beyond its range becomes infinite, and stops the training where it appears."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(x, np.float32)


def _kind(value: Any) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
