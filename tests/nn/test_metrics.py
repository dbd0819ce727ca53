"""Metrics against NumPy, ties and NaN, and the confusion matrix."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.nn import losses, metrics

coarse = arrays(np.float32, (7, 5), elements=some.sampled_from([-1.0, 0.0, 0.5, 1.0]))  # with many ties
labels = arrays(np.int64, (7,), elements=some.integers(0, 4))
ONES = np.eye(5, dtype=np.float32)


def total(metric, y, p):
    value = metric.total(st.tensor(y), st.tensor(p))
    compiled = st.compile(metric.total)(st.tensor(y), st.tensor(p))
    np.testing.assert_array_equal(value.numpy(), compiled.numpy())
    return value.numpy()[()]


@given(labels, coarse, some.integers(1, 6))
def test_top_k_counts_like_a_stable_sort(y, p, k):
    first = np.argsort(-p, axis=-1, kind="stable")[:, :k]
    expected = sum(int(label in row) for label, row in zip(y, first, strict=True))
    assert total(metrics.TopK(k), y, p) == expected
    assert total(metrics.TopK(k), ONES[y], p) == expected


@given(labels, coarse)
def test_accuracy_is_top_1(y, p):
    expected = int((np.argmax(p, -1) == y).sum())
    assert total(metrics.SparseCategoricalAccuracy(), y, p) == expected
    assert total(metrics.CategoricalAccuracy(), ONES[y], p) == expected
    assert total(metrics.TopK(1), y, p) == expected
    assert metrics.SparseCategoricalAccuracy().places(y.shape, p.shape) == 7


@given(coarse, some.sampled_from([0.0, 0.5]))
def test_binary_accuracy(p, threshold):
    y = (np.arange(35).reshape(7, 5) % 2).astype(np.float32)
    metric = metrics.BinaryAccuracy(threshold)
    assert total(metric, y, p) == ((p > threshold) == (y > 0.5)).sum()
    assert metric.places(y.shape, p.shape) == 35


def test_nan_is_never_right():
    p = np.full((3, 5), np.nan, np.float32)
    p[1, 2] = 1
    y = np.array([0, 2, 4])
    assert total(metrics.SparseCategoricalAccuracy(), y, p) == 0
    assert total(metrics.TopK(5), y, p) == 0
    assert (
        total(metrics.BinaryAccuracy(), np.zeros((3, 5), np.float32), np.where(np.isnan(p), p, np.nan)) == 0
    )


def test_equal_outputs_do_not_look_good():
    assert total(metrics.TopK(2), np.array([0, 1, 2, 3, 4]), np.zeros((5, 5), np.float32)) == 2


def test_losses_as_metrics():
    metric = metrics.metric("mae", losses.MeanSquaredError(), (2,))
    y, p = np.zeros((3, 2), np.float32), np.full((3, 2), 2, np.float32)
    assert total(metric, y, p) == 12 and metric.places(y.shape, p.shape) == 6 and metric.name == "mae"


def test_names_follow_the_loss():
    def chosen(loss, shape=(10,)):
        return metrics.metric("accuracy", losses.loss(loss), shape)

    assert chosen("sparse_categorical_crossentropy") == metrics.SparseCategoricalAccuracy()
    assert chosen("categorical_crossentropy") == chosen("mse") == metrics.CategoricalAccuracy()
    assert chosen("binary_crossentropy") == chosen("mse", (1,)) == metrics.BinaryAccuracy(0.5)
    assert metrics.metric("acc", losses.BinaryCrossentropy(True), (1,)) == metrics.BinaryAccuracy(0.0)
    assert metrics.metric("top_3", losses.loss("mse"), (10,)) == metrics.TopK(3)
    assert metrics.metric(metrics.TopK(4), losses.loss("mse"), (10,)).name == "top_4"
    for wrong in ("precision", 5, "top_x"):
        with pytest.raises(OperandError, match="metrics"):
            metrics.metric(wrong, losses.loss("mse"), (10,))
    with pytest.raises(OperandError, match="from 1 on"):
        metrics.metric("top_0", losses.loss("mse"), (10,))


def test_confusion_matrix():
    found = metrics.confusion_matrix([0, 1, 2, 2], [0, 2, 2, 2])
    np.testing.assert_array_equal(found, [[1, 0, 0], [0, 0, 1], [0, 0, 2]])
    rows = np.eye(4)[[0, 2, 2, 2]]
    assert metrics.confusion_matrix([0, 1, 2, 2], rows).shape == (4, 4)
    assert metrics.confusion_matrix([0, 1, 2, 2], rows, classes=6).shape == (6, 6)
    assert metrics.confusion_matrix(np.zeros(0, int), np.zeros((0, 3))).sum() == 0


@pytest.mark.parametrize(
    ("y", "p", "classes"),
    [([0, 1], [0], None), ([0, 5], [0, 1], 3), ([-1], [0], None), ([0.5], [0], None), ([[[1]]], [0], None)],
)
def test_confusion_of_what_does_not_fit(y, p, classes):
    with pytest.raises(OperandError, match="confusion_matrix"):
        metrics.confusion_matrix(y, p, classes)
