"""What all data is asked: packages of the extra, labels in range, equal counts; and the error when it is not so."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from spinntensor.errors import MissingDependencyError, OperandError

EXTRA = "data"
"""The extra of spinntensor that brings scikit-learn and Pillow."""


def optional(module: str, package: str) -> Any:
    """A module of an optional package; MissingDependencyError, which names the extra, where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(package, EXTRA) from error


def wrong(where: str, what: str, received: object, expected: object, mend: str) -> OperandError:
    """The error for data that cannot be used, to be raised.

    Parameters
    ----------
    where : the file or function that gave it.
    what : the part of it that is meant, such as "labels".
    received, expected, mend : as in every message.
    """
    return OperandError(where, what, received, expected, mend)


def check_labels(labels: np.ndarray, classes: int, where: str = "labels") -> np.ndarray:
    """Class numbers as int32 [n], each from 0 to classes - 1.

    Parameters
    ----------
    labels : integers [n] or [n, 1].
    classes : how many classes there are.
    where : what an error names.

    OperandError for another shape, for numbers that are not integers, and for the first label out of range.
    """
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        mend = "give one class number per sample, np.argmax of one-hot rows"
        raise wrong(where, "labels", f"shape {list(labels.shape)}", "[n]", mend)
    if labels.dtype.kind not in "iu":
        if labels.dtype.kind != "f" or not np.array_equal(labels, np.rint(labels)):
            raise wrong(where, "labels", f"{labels.dtype} numbers", "integers", "give class numbers from 0")
        labels = labels.astype(np.int64)
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if outside.size:
        at = int(outside[0])
        received = f"{labels[at]} at index {at} ({outside.size:,} of {labels.size:,} are out of range)"
        mend = "count classes from 0, or make the last layer wider"
        raise wrong(where, "labels", received, f"0 to {classes - 1}", mend)
    return labels.astype(np.int32)


def check_counts(x: np.ndarray, y: np.ndarray | None, where: str) -> None:
    """Refuse samples and labels of different number, and arrays without samples."""
    if x.dtype == object or (y is not None and y.dtype == object):
        mend = "bring all samples to one shape, np.stack makes the array"
        raise wrong(where, "x" if x.dtype == object else "y", "ragged shapes", "one shape", mend)
    if x.ndim == 0 or len(x) == 0:
        mend = "give at least one"
        raise wrong(where, "x", f"shape {list(x.shape)}", "[n, ...] with one sample or more", mend)
    if y is not None and (y.ndim == 0 or len(y) != len(x)):
        received = f"shape {list(y.shape)} for {len(x):,} samples"
        raise wrong(where, "y", received, f"[{len(x)}, ...]", "give one label for each sample")
