"""Bundled data: shapes, ranges, the fixed split; and the error where scikit-learn is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from spinntensor.errors import MissingDependencyError
from spinntensor.nn import data


def test_digits_are_scikit_learns_split():
    datasets = pytest.importorskip("sklearn.datasets")
    (x_train, y_train), (x_test, y_test) = data.digits()
    assert x_train.shape == (1347, 8, 8, 1) and x_test.shape == (450, 8, 8, 1)
    assert x_train.dtype == x_test.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.int32
    assert (x_train.min(), x_train.max()) == (0, 1)
    whole = datasets.load_digits()
    first = np.flatnonzero((whole.images / 16 == x_test[0, ..., 0]).all((1, 2)))
    assert whole.target[first].tolist() == [y_test[0]]
    assert sorted(np.concatenate([y_train, y_test])) == sorted(whole.target)


def test_digits_are_equal_every_time():
    pytest.importorskip("sklearn")
    for one, other in zip(data.digits(), data.digits(), strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_photographs():
    pytest.importorskip("sklearn")
    found = data.photographs()
    assert tuple(found) == data.PHOTOGRAPHS == ("china", "flower")
    for image in found.values():
        assert image.shape == (427, 640, 3) and image.dtype == np.uint8 and image.std() > 10


@pytest.mark.parametrize("load", [data.digits, data.photographs])
def test_missing_scikit_learn_is_named(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingDependencyError, match=r"scikit-learn is not installed.*spinntensor\[data\]"):
        load()
