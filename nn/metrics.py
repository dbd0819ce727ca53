"""Metrics: what share of the predictions is right, counted exactly in the graph; and the confusion matrix on the host.

A metric gives the sum over a batch and the number of places it was taken of, so that the mean over an epoch is exact
for counts, whatever the batches were. Ties are broken as `argmax` breaks them, by the lowest class, so a model whose
outputs are all alike does not look good. NaN is never right.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.nn.losses import NAMES as LOSSES
from spinntensor.nn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    SparseCategoricalCrossentropy,
)

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

__all__ = [
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "LossMetric",
    "Metric",
    "SparseCategoricalAccuracy",
    "TopK",
    "confusion_matrix",
    "metric",
]

Shape = tuple[int, ...]


class Metric(ABC):
    """What every metric offers; its name is the key in the logs."""

    name: str

    @abstractmethod
    def total(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The sum over a batch, of shape ()."""

    def places(self, y_true: Shape, y_pred: Shape) -> int:
        """How many places that is the sum of, for targets and outputs of these shapes."""
        return int(np.prod(y_pred[:-1]))


@dataclass(frozen=True)
class BinaryAccuracy(Metric):
    """Whether y_pred > threshold where the target is above 1/2 and only there; for logits the threshold is 0."""

    threshold: float = 0.5
    name: str = "accuracy"

    def total(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """How many elements are right."""
        there = st.logical_and(y_true > 0.5, y_pred > self.threshold)
        neither = st.logical_and(y_true <= 0.5, y_pred <= self.threshold)
        return _count(st.logical_or(there, neither))

    def places(self, y_true: Shape, y_pred: Shape) -> int:
        """All elements."""
        return int(np.prod(y_pred))


@dataclass(frozen=True)
class CategoricalAccuracy(Metric):
    """Whether the largest output is that of the class whose target is largest."""

    name: str = "accuracy"

    def total(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """How many samples are right."""
        return SparseCategoricalAccuracy().total(st.argmax(y_true, axis=-1), y_pred)


@dataclass(frozen=True)
class SparseCategoricalAccuracy(Metric):
    """Whether the largest output is that of the label."""

    name: str = "accuracy"

    def total(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """How many samples are right."""
        known = _known(y_pred)
        return _count(st.logical_and(known, st.argmax(y_pred, axis=-1) == y_true))


@dataclass(frozen=True)
class TopK(Metric):
    """Whether the class is among the `k` largest outputs; targets are labels, or one-hot."""

    k: int = 5
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise OperandError("TopK", "k", repr(self.k), "a number of classes from 1 on", "try 5")
        if not self.name:
            object.__setattr__(self, "name", f"top_{self.k}")

    def total(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """How many samples have fewer than `k` outputs before that of their class."""
        labels = y_true if y_true.ndim < y_pred.ndim else st.argmax(y_true, axis=-1)
        column = st.reshape(st.astype(labels, "int64"), (*labels.shape, 1))
        own = st.take_along_axis(y_pred, column, axis=-1)
        above = y_pred > own
        tied = st.logical_and(y_pred == own, st.arange(y_pred.shape[-1], format="int64") < column)
        before = st.sum(st.astype(st.logical_or(above, tied), "int32"), axis=-1)
        known = _known(y_pred)
        return _count(st.logical_and(known, before < self.k))


@dataclass(frozen=True)
class LossMetric(Metric):
    """The mean of a loss that is watched and not trained on, such as "mae"."""

    loss: Loss
    name: str

    def total(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The sum of the losses."""
        return self.loss.total(y_true, y_pred)

    def places(self, y_true: Shape, y_pred: Shape) -> int:
        """The number of the losses."""
        return self.loss.places(y_true, y_pred)


def metric(value: str | Metric, loss: Loss, shape: Shape) -> Metric:
    """A metric by its name, an object as it is; OperandError for anything else.

    value : "accuracy" (or "acc"), of the kind that fits the loss; "top_5" and so on; the name of a loss.
    loss : of the same output.
    shape : of that output for one sample.
    """
    if isinstance(value, Metric):
        return value
    if value in ("accuracy", "acc"):
        if isinstance(loss, SparseCategoricalCrossentropy):
            return SparseCategoricalAccuracy()
        if isinstance(loss, BinaryCrossentropy):
            return BinaryAccuracy(0.0 if loss.from_logits else 0.5)
        if isinstance(loss, CategoricalCrossentropy) or (shape and shape[-1] > 1):
            return CategoricalAccuracy()
        return BinaryAccuracy()
    if isinstance(value, str) and value.startswith("top_") and value[4:].isdecimal():
        return TopK(int(value[4:]))
    if isinstance(value, str) and value in LOSSES:
        return LossMetric(LOSSES[value](), value)
    expected = f"'accuracy', 'top_5' or the like, one of {', '.join(LOSSES)}, or a Metric"
    raise OperandError("compile", "metrics", repr(value), expected, "choose one of them")


def confusion_matrix(y_true: Any, y_pred: Any, classes: int | None = None) -> np.ndarray:
    """How often class i was predicted as class j, in row i and column j; int64 [classes, classes].

    Parameters
    ----------
    y_true, y_pred : labels [n], or one row for each sample, whose largest element counts.
    classes : None takes the length of the rows, or one more than the largest label.
    """
    true, predicted = _labels("y_true", y_true), _labels("y_pred", y_pred)
    if true.shape != predicted.shape:
        received = f"{len(predicted)} predictions for {len(true)} labels"
        raise OperandError("confusion_matrix", "y_pred", received, "equally many", "give one for each label")
    both = np.concatenate([true, predicted])
    widths = [np.shape(y)[1] for y in (y_true, y_pred) if len(np.shape(y)) == 2]
    count = classes if classes is not None else max([*widths, int(both.max(initial=-1)) + 1])
    if both.size and (both.min() < 0 or both.max() >= count):
        received = f"labels from {both.min()} to {both.max()}"
        raise OperandError(
            "confusion_matrix", "labels", received, f"0 to {count - 1}", "correct classes or labels"
        )
    return np.bincount(true * count + predicted, minlength=count * count).reshape(count, count)


def _labels(name: str, y: Any) -> np.ndarray:
    y = np.asarray(y)
    if y.ndim == 2:
        return np.argmax(y, axis=-1)
    if y.ndim != 1 or y.dtype.kind not in "iu":
        received = f"{y.dtype} of shape {y.shape}"
        raise OperandError(
            "confusion_matrix", name, received, "integers [n], or rows [n, classes]", "reshape it"
        )
    return y.astype(np.int64)


def _known(y_pred: Tensor) -> Tensor:
    """Which rows have no NaN: it would be their maximum."""
    top = st.max(y_pred, axis=-1)
    return top == top


def _count(right: Tensor) -> Tensor:
    """How many are true, as a float32, which is exact up to 2**24 of them."""
    return st.sum(st.astype(right, "float32"))
