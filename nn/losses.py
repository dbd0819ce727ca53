"""Losses by Keras's names: how far a model's outputs are from what was asked for, and which targets they take.

A loss is called as `loss(y_true, y_pred)` and gives the mean over all places as a float32 tensor. Probabilities are
treated as Keras does: clipped to 1e-7 and 1 - 1e-7, those of classes divided by their sum before. A clipped probability
has no slope, so a sample that is very wrong would teach nothing; therefore `of_output`, which the training loop
uses, computes the cross-entropy of a model that ends in softmax (sigmoid) from what goes into it, as Keras does on
TensorFlow. The two agree wherever nothing is clipped, up to rounding.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.tensors.base import Base

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Custom",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "loss",
]

EPSILON = 1e-7
"""Probabilities are clipped to it and to 1 minus it: keras.config.epsilon()."""
SHOWN = 8


class Loss(ABC):
    """What every loss offers; `total` is the sum over all places, `places` their number."""

    def __call__(self, y_true: Any, y_pred: Any) -> Tensor:
        """The mean over all places, float32 of shape ()."""
        total = self.total(y_true, y_pred)
        return total / float(self.places(st.tensor(y_true).shape, st.tensor(y_pred).shape))

    @abstractmethod
    def total(self, y_true: Any, y_pred: Any) -> Tensor:
        """The sum over all places, float32 of shape ()."""

    def of_output(self, y_true: Any, y_pred: Tensor) -> Tensor:
        """The mean for the output of a model, from its logits where it ends in softmax or sigmoid."""
        return self(y_true, y_pred)

    def places(self, y_true: tuple[int, ...], y_pred: tuple[int, ...]) -> int:
        """How many losses the mean is taken of, for targets and outputs of these shapes."""
        return int(np.prod(y_true))

    def targets(self, y: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Targets of samples as this loss takes them; OperandError for those that cannot be meant.

        y : [samples, ...] numbers.
        shape : of the model's output for one sample.
        """
        return _within(_numbers(y, shape), -np.inf, np.inf, "finite numbers")

    def config(self) -> dict[str, Any]:
        """Name and settings, as JSON takes them."""
        return {"name": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]  # all are dataclasses


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """(y_pred - y_true) ** 2."""

    def total(self, y_true: Any, y_pred: Any) -> Tensor:
        """The sum over all elements."""
        return st.mse_loss(y_pred, y_true, reduction="sum")


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """|y_pred - y_true|, with slope 0 where they are equal."""

    def total(self, y_true: Any, y_pred: Any) -> Tensor:
        """The sum over all elements."""
        return st.mae_loss(y_pred, y_true, reduction="sum")


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """-(t log p + (1 - t) log(1 - p)) for targets t from 0 to 1.

    from_logits : `y_pred` are logits z, p = sigmoid(z); computed without overflow or cancellation.
    label_smoothing : s from 0 to 1: t becomes (1 - s) t + s / 2.
    """

    from_logits: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _share(self, self.label_smoothing)

    def total(self, y_true: Any, y_pred: Any) -> Tensor:
        """The sum over all elements."""
        t = st.tensor(y_true)
        if self.label_smoothing:
            t = t * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing
        if self.from_logits:
            return st.binary_cross_entropy(y_pred, t, reduction="sum")
        p = st.clip(y_pred, EPSILON, 1.0 - EPSILON)
        if p.shape != t.shape:
            raise _shapes("binary_crossentropy", t, p)
        return -st.sum(t * st.log(p) + (1.0 - t) * st.log(1.0 - p))

    def of_output(self, y_true: Any, y_pred: Tensor) -> Tensor:
        """The mean, from logits where a sigmoid comes last."""
        z = None if self.from_logits else _before("sigmoid", y_pred)
        return (
            self(y_true, y_pred) if z is None else BinaryCrossentropy(True, self.label_smoothing)(y_true, z)
        )

    def targets(self, y: Any, shape: tuple[int, ...]) -> np.ndarray:
        """float32 of the output's shape, from 0 to 1."""
        return _within(_numbers(y, shape), 0, 1, "targets from 0 to 1")


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """-sum(t log p) along the last axis, for targets t that are probabilities of classes (one-hot, say).

    from_logits : `y_pred` are logits, p their softmax.
    label_smoothing : s from 0 to 1: t becomes (1 - s) t + s / classes.
    """

    from_logits: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _share(self, self.label_smoothing)

    def total(self, y_true: Any, y_pred: Any) -> Tensor:
        """The sum over all samples."""
        p = st.tensor(y_pred)
        if self.from_logits:
            return st.cross_entropy(p, y_true, label_smoothing=self.label_smoothing, reduction="sum")
        t = st.tensor(y_true)
        if p.shape != t.shape:
            raise _shapes("categorical_crossentropy", t, p)
        if self.label_smoothing:
            t = t * (1.0 - self.label_smoothing) + self.label_smoothing / p.shape[-1]
        return -st.sum(st.sum(t * _logs(p), axis=-1))

    def of_output(self, y_true: Any, y_pred: Tensor) -> Tensor:
        """The mean, from logits where a softmax comes last."""
        z = None if self.from_logits else _before("softmax", y_pred)
        if z is None:
            return self(y_true, y_pred)
        return CategoricalCrossentropy(True, self.label_smoothing)(y_true, z)

    def places(self, y_true: tuple[int, ...], y_pred: tuple[int, ...]) -> int:
        """One for each vector of classes."""
        return int(np.prod(y_pred[:-1]))

    def targets(self, y: Any, shape: tuple[int, ...]) -> np.ndarray:
        """float32 of the output's shape, from 0 to 1."""
        return _within(_numbers(y, shape), 0, 1, "probabilities of classes, from 0 to 1")


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(Loss):
    """-log p[label] along the last axis, for labels that number the classes from 0.

    from_logits : `y_pred` are logits, p their softmax.
    label_smoothing : s from 0 to 1, spread over all classes: as for one-hot targets.
    """

    from_logits: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _share(self, self.label_smoothing)

    def total(self, y_true: Any, y_pred: Any) -> Tensor:
        """The sum over all labels."""
        p = st.tensor(y_pred)
        if self.from_logits:
            return st.cross_entropy(p, y_true, label_smoothing=self.label_smoothing, reduction="sum")
        labels = y_true if isinstance(y_true, Base) else st.tensor(y_true, "int32")
        if labels.shape != p.shape[:-1]:
            raise _shapes("sparse_categorical_crossentropy", labels, p)
        logs = _logs(p)
        column = st.reshape(st.astype(labels, "int64"), (*labels.shape, 1))
        loss = -st.sum(st.take_along_axis(logs, column, axis=-1))
        if not self.label_smoothing:
            return loss
        spread = st.sum(logs) / -float(p.shape[-1])
        return loss * (1.0 - self.label_smoothing) + spread * self.label_smoothing

    def of_output(self, y_true: Any, y_pred: Tensor) -> Tensor:
        """The mean, from logits where a softmax comes last."""
        z = None if self.from_logits else _before("softmax", y_pred)
        if z is None:
            return self(y_true, y_pred)
        return SparseCategoricalCrossentropy(True, self.label_smoothing)(y_true, z)

    def targets(self, y: Any, shape: tuple[int, ...]) -> np.ndarray:
        """int32 labels of the output's shape without its last axis; a last axis of size 1 may be there."""
        labels = np.asarray(y)
        if labels.ndim == len(shape) + 1 and labels.shape[-1] == 1:
            labels = labels[..., 0]
        if labels.dtype.kind not in "iu":
            if labels.dtype.kind != "f" or not np.array_equal(labels, np.rint(labels)):
                mend = "number the classes from 0, or use categorical_crossentropy for probabilities"
                raise OperandError("fit", "y", f"labels of {labels.dtype}", "integers", mend)
            labels = labels.astype(np.int64)
        if labels.shape[1:] != shape[:-1]:
            received, expected = (
                f"labels of shape {labels.shape}",
                f"[samples, {', '.join(map(str, shape[:-1]))}]",
            )
            mend = "use categorical_crossentropy for one-hot targets"
            raise OperandError("fit", "y", received, expected.replace(", ]", "]"), mend)
        return _known(labels, shape[-1]).astype(np.int32)


@dataclass(frozen=True)
class Custom(Loss):
    """A function `(y_true, y_pred) -> mean loss` of tensors, float32 of shape ()."""

    function: Callable[[Any, Any], Any]

    def __call__(self, y_true: Any, y_pred: Any) -> Tensor:
        """What the function returns."""
        return self.function(y_true, y_pred)

    def total(self, y_true: Any, y_pred: Any) -> Tensor:
        """What the function returns, times the number of samples."""
        return self(y_true, y_pred) * float(st.tensor(y_pred).shape[0])

    def places(self, y_true: tuple[int, ...], y_pred: tuple[int, ...]) -> int:
        """The number of samples."""
        return y_pred[0]

    def targets(self, y: Any, shape: tuple[int, ...]) -> np.ndarray:
        """As they come: float32 for real numbers."""
        y = np.asarray(y)
        return y.astype(np.float32) if y.dtype.kind == "f" else y

    def config(self) -> dict[str, Any]:
        """The name of the function."""
        return {"name": "Custom", "function": getattr(self.function, "__qualname__", repr(self.function))}


NAMES: dict[str, type[Loss]] = {
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mean_absolute_error": MeanAbsoluteError,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}


def loss(value: str | Loss | Callable[[Any, Any], Any]) -> Loss:
    """A loss by its name, an object as it is, a function of `(y_true, y_pred)`; OperandError for anything else."""
    if isinstance(value, Loss):
        return value
    if isinstance(value, str) and value in NAMES:
        return NAMES[value]()
    if callable(value) and not isinstance(value, type):
        return Custom(value)
    expected = f"one of {', '.join(NAMES)}, a Loss, or a function of (y_true, y_pred)"
    raise OperandError("compile", "loss", repr(value), expected, "choose one of them")


def _logs(p: Tensor) -> Tensor:
    """Logarithms of probabilities along the last axis: divided by their sum, then clipped, as Keras does."""
    return st.log(st.clip(p / st.sum(p, axis=-1, keepdims=True), EPSILON, 1.0 - EPSILON))


def _before(op: str, y: Tensor) -> Tensor | None:
    """What goes into the softmax or sigmoid that gave `y`, if that is what gave it."""
    node = y.node
    return Base.result(node.operands[0]) if node.op == op else None


def _numbers(y: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Targets as float32 [samples, *shape]; a last axis of size 1 may be missing."""
    y = np.asarray(y)
    if y.dtype.kind not in "biuf":
        raise OperandError("fit", "y", f"targets of {y.dtype}", "numbers", "convert them with NumPy first")
    if shape and shape[-1] == 1 and y.shape[1:] == shape[:-1]:
        y = y[..., None]
    if y.ndim != len(shape) + 1 or y.shape[1:] != shape:
        received, expected = f"targets of shape {y.shape}", f"[samples, {', '.join(map(str, shape))}]"
        mend = "reshape them"
        if y.dtype.kind in "iu" and y.shape[1:] == shape[:-1]:
            mend = "use sparse_categorical_crossentropy for labels"
        raise OperandError("fit", "y", received, f"{expected}, as the model's output", mend)
    with np.errstate(over="ignore"):
        return y.astype(np.float32)


def _within(y: np.ndarray, low: float, high: float, words: str) -> np.ndarray:
    """`y`, all finite and from `low` to `high`."""
    wrong = ~(np.isfinite(y) & (y >= low) & (y <= high))
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise OperandError(
            "fit", "y", f"{y[at]} in sample {at[0]}", words, "correct that sample, or leave it out"
        )
    return y


def _known(labels: np.ndarray, classes: int) -> np.ndarray:
    """`labels`, all from 0 to `classes` - 1."""
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        at = int(np.argwhere(wrong)[0][0])
        found = sorted({int(v) for v in np.unique(labels[wrong])})
        names = ", ".join(map(str, found[:SHOWN])) + (", ..." if len(found) > SHOWN else "")
        raise OperandError(
            "fit",
            "y",
            f"label{'s' if len(found) > 1 else ''} {names} in {int(wrong.sum())} of {labels.size} places, first in "
            f"sample {at}",
            f"0 to {classes - 1}, as the model has {classes} classes",
            "correct the labels, or give the model's last layer more units",
        )
    return labels


def _share(of: Loss, smoothing: float) -> None:
    if not 0 <= smoothing <= 1:
        mend = "choose the share that is spread"
        raise OperandError(type(of).__name__, "label_smoothing", repr(smoothing), "0 to 1", mend)


def _shapes(name: str, y: Base, p: Base) -> OperandError:
    return OperandError(
        name, "y_true", f"{y.node.type} for {p.node.type}", "shapes that fit", "reshape one of them"
    )
