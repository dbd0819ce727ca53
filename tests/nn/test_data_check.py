"""Labels: what is accepted, and what an error names."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor.errors import OperandError
from spinntensor.nn.data import Arrays, check_labels


@pytest.mark.parametrize(
    "labels", [[0, 2, 1], np.array([[0], [2], [1]], np.uint8), np.array([0.0, 2.0, 1.0])]
)
def test_labels_become_int32(labels):
    found = check_labels(labels, 3)
    assert found.dtype == np.int32 and found.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3, 5], r"received 3 at index 1 \(2 of 3 are out of range\), expected 0 to 2"),
        ([0, -1], r"received -1 at index 1"),
        ([0.5], r"received float64 numbers, expected integers"),
        ([float("nan")], r"received float64 numbers, expected integers"),
        (["cat"], r"expected integers"),
        (np.eye(3), r"received shape \[3, 3\], expected \[n\]"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises(OperandError, match=message) as caught:
        check_labels(np.array(labels), 3, "some.npz")
    assert caught.value.kernel == "some.npz"


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((3, 2)), np.zeros(2), r"received shape \[2\] for 3 samples, expected \[3, ...\]"),
        (np.zeros((0, 2)), None, r"one sample or more"),
        (np.float32(1), None, r"one sample or more"),
        (np.array([[1], [1, 2]], object), None, "ragged shapes"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(x, y, message):
    with pytest.raises(OperandError, match=message):
        Arrays(np.asarray(x), y, "some arrays")
