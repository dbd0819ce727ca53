"""Losses against their formulas in float64, gradients through softmax, and targets that are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.nn import losses

numbers = arrays(np.float32, (5, 4), elements=some.floats(-8, 8, width=32))
labels = arrays(np.int64, (5,), elements=some.integers(0, 3))
shares = some.sampled_from([0.0, 0.1, 1.0])
ONES = np.eye(4, dtype=np.float32)


def softmax(z):
    e = np.exp(z.astype(np.float64) - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def close(found, expected):
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-5, atol=1e-6)


@given(numbers, numbers)
def test_errors_of_numbers(x, y):
    close(losses.MeanSquaredError()(y, x), np.mean((x.astype(float) - y) ** 2))
    close(losses.MeanAbsoluteError()(y, x), np.mean(np.abs(x.astype(float) - y)))


@given(numbers, labels, shares)
def test_cross_entropies_of_classes_agree(z, y, smooth):
    t = ONES[y] * (1 - smooth) + smooth / 4
    p = softmax(z).astype(np.float32)
    expected = -np.mean(np.sum(t * np.log(np.clip(softmax(z), 1e-7, 1)), -1))
    logits = -np.mean(np.sum(t * np.log(softmax(z)), -1))
    close(losses.SparseCategoricalCrossentropy(label_smoothing=smooth)(y, p), expected)
    close(losses.CategoricalCrossentropy(label_smoothing=smooth)(ONES[y], p), expected)
    close(losses.SparseCategoricalCrossentropy(True, smooth)(y, z), logits)
    close(losses.CategoricalCrossentropy(True, smooth)(ONES[y], z), logits)


@given(numbers, arrays(np.float32, (5, 4), elements=some.floats(0, 1, width=32)), shares)
def test_binary_cross_entropy(z, t, smooth):
    p = 1 / (1 + np.exp(-z.astype(float)))
    wanted = t * (1 - smooth) + smooth / 2
    expected = -np.mean(wanted * np.log(p) + (1 - wanted) * np.log1p(-p))
    close(losses.BinaryCrossentropy(True, smooth)(t, z), expected)
    found = losses.BinaryCrossentropy(label_smoothing=smooth)(t, p.astype(np.float32))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-4)  # 1 - p has lost digits


def test_probabilities_are_divided_by_their_sum_and_clipped():
    loss = losses.SparseCategoricalCrossentropy()
    close(loss([1], np.array([[3.0, 1.0]], np.float32)), np.log(4))
    close(loss([1], np.array([[1.0, 0.0]], np.float32)), -np.log(1e-7))
    close(losses.BinaryCrossentropy()([[1.0]], np.array([[0.0]], np.float32)), -np.log(1e-7))


@pytest.mark.parametrize(
    ("loss", "last", "y"),
    [
        (losses.SparseCategoricalCrossentropy(label_smoothing=0.1), st.softmax, np.array([2, 0, 3])),
        (losses.CategoricalCrossentropy(), st.softmax, ONES[[2, 0, 3]]),
        (losses.BinaryCrossentropy(), st.sigmoid, ONES[[2, 0, 3]]),
    ],
)
def test_a_model_that_ends_in_probabilities_learns_from_logits(loss, last, y):
    z = st.tensor(np.array([[30, -40, 0, 1], [0, 50, -50, 2], [1, 2, 3, 4]], np.float32))
    from_logits = type(loss)(True, loss.label_smoothing)
    value, slope = st.value_and_grad(lambda z: loss.of_output(y, last(z)))(z)
    there, expected = st.value_and_grad(lambda z: from_logits(y, z))(z)
    np.testing.assert_array_equal(value.numpy(), there.numpy())
    np.testing.assert_array_equal(slope.numpy(), expected.numpy())
    clipped = st.grad(lambda z: type(loss)()(y, last(z)))(z).numpy()
    assert slope.numpy()[1, 1] > 0.08 and abs(clipped[1, 1]) < 1e-6


def test_other_outputs_and_logits_are_taken_as_they_are():
    p = st.tensor(np.full((2, 4), 0.25, np.float32)) * 1.0
    loss = losses.SparseCategoricalCrossentropy()
    np.testing.assert_array_equal(loss.of_output([0, 1], p).numpy(), loss([0, 1], p).numpy())
    z = st.softmax(st.tensor(np.eye(4, dtype=np.float32)))
    logits = losses.SparseCategoricalCrossentropy(True)
    np.testing.assert_array_equal(logits.of_output([0, 1, 2, 3], z).numpy(), logits([0, 1, 2, 3], z).numpy())


def test_places_make_the_total_of_the_mean():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 24
    y = np.ones((2, 3), np.int32)
    loss = losses.SparseCategoricalCrossentropy(True)
    assert loss.places(y.shape, x.shape) == 6
    close(loss.total(y, x) / 6.0, loss(y, x).numpy())
    assert losses.CategoricalCrossentropy().places(x.shape, x.shape) == 6
    assert losses.MeanSquaredError().places(x.shape, x.shape) == 24


def test_a_function_is_a_loss():
    loss = losses.loss(lambda y, p: st.mean((p - y) ** 4))
    close(loss(np.zeros((2, 1), np.float32), np.full((2, 1), 2, np.float32)), 16)
    assert loss.places((2, 1), (2, 1)) == 2 and "lambda" in loss.config()["function"]
    assert loss.targets(np.zeros(3), (1,)).dtype == np.float32


def test_names():
    assert losses.loss("mse") == losses.MeanSquaredError() == losses.loss("mean_squared_error")
    assert losses.loss("binary_crossentropy").config() == {
        "name": "BinaryCrossentropy",
        "from_logits": False,
        "label_smoothing": 0.0,
    }
    for wrong in ("mea", 3, losses.MeanSquaredError):
        with pytest.raises(OperandError, match="expected one of mse"):
            losses.loss(wrong)
    with pytest.raises(OperandError, match="label_smoothing"):
        losses.CategoricalCrossentropy(label_smoothing=1.5)


@pytest.mark.parametrize(
    ("name", "y", "shape", "words"),
    [
        (
            "sparse_categorical_crossentropy",
            [0, 10, -3],
            (10,),
            "labels -3, 10 in 2 of 3 places, first in sample 1",
        ),
        ("sparse_categorical_crossentropy", [0, 10], (10,), "0 to 9, as the model has 10 classes"),
        ("sparse_categorical_crossentropy", [0.5], (10,), "labels of float64"),
        (
            "sparse_categorical_crossentropy",
            np.eye(3, dtype=int),
            (3,),
            "categorical_crossentropy for one-hot",
        ),
        ("categorical_crossentropy", [1, 2], (3,), "use sparse_categorical_crossentropy"),
        ("categorical_crossentropy", [[0, 1, 2.0]], (3,), "2.0 in sample 0"),
        ("binary_crossentropy", [[-1.0]], (1,), "targets from 0 to 1"),
        ("mse", [[1.0, np.nan]], (2,), "nan in sample 0"),
        ("mse", [[1e39, 0]], (2,), "inf in sample 0"),
        ("mse", [["a"]], (1,), "targets of <U1"),
        ("mae", [1.0, 2.0], (2,), "targets of shape"),
    ],
)
def test_targets_that_cannot_be_meant(name, y, shape, words):
    with pytest.raises(OperandError) as error:
        losses.loss(name).targets(y, shape)
    assert words in str(error.value)


def test_targets_as_losses_take_them():
    sparse = losses.SparseCategoricalCrossentropy()
    for y in ([1, 2], [[1], [2]], np.array([1, 2], np.uint8), [1.0, 2.0]):
        found = sparse.targets(y, (3,))
        assert found.dtype == np.int32 and found.tolist() == [1, 2]
    assert losses.MeanSquaredError().targets([1, 2], (1,)).shape == (2, 1)
    assert sparse.targets(np.zeros((2, 5), int), (5, 3)).shape == (2, 5)


@pytest.mark.slow
@pytest.mark.parametrize("smooth", [0.0, 0.1])
def test_cross_entropies_against_pytorch(rng, smooth):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    z, y = rng.normal(0, 4, (64, 10)).astype(np.float32), rng.integers(0, 10, 64)
    there = torch.tensor(z, requires_grad=True)
    expected = functional.cross_entropy(there, torch.tensor(y), label_smoothing=smooth)
    expected.backward()
    loss = losses.SparseCategoricalCrossentropy(label_smoothing=smooth)
    value, slope = st.value_and_grad(lambda z: loss.of_output(y, st.softmax(z)))(st.tensor(z))
    np.testing.assert_allclose(value.numpy(), expected.item(), rtol=1e-6)
    np.testing.assert_allclose(slope.numpy(), there.grad.numpy(), atol=1e-8, rtol=1e-5)
    t = rng.random((64, 10)).astype(np.float32)
    binary = functional.binary_cross_entropy_with_logits(there, torch.tensor(t))
    np.testing.assert_allclose(losses.BinaryCrossentropy(True)(t, z).numpy(), binary.item(), rtol=1e-6)


@pytest.mark.slow
def test_losses_against_keras(rng, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    z, y = rng.normal(0, 6, (64, 10)).astype(np.float32), rng.integers(0, 10, 64)
    p = softmax(z).astype(np.float32)
    one_hot = np.eye(10, dtype=np.float32)[y]
    cases = [
        (keras.losses.MeanSquaredError(), losses.MeanSquaredError(), one_hot, z),
        (keras.losses.MeanAbsoluteError(), losses.MeanAbsoluteError(), one_hot, z),
        (keras.losses.SparseCategoricalCrossentropy(), losses.SparseCategoricalCrossentropy(), y, p),
        (
            keras.losses.CategoricalCrossentropy(label_smoothing=0.2),
            losses.CategoricalCrossentropy(label_smoothing=0.2),
            one_hot,
            p,
        ),
        (
            keras.losses.BinaryCrossentropy(label_smoothing=0.2),
            losses.BinaryCrossentropy(label_smoothing=0.2),
            one_hot,
            p,
        ),
        (keras.losses.BinaryCrossentropy(True), losses.BinaryCrossentropy(True), one_hot, z),
    ]
    for theirs, ours, target, predicted in cases:
        np.testing.assert_allclose(
            ours(target, predicted).numpy(), float(theirs(target, predicted)), rtol=2e-6
        )
