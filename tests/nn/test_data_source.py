"""Sources: shapes that a sample may be brought to, and the numbers that networks take."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor.errors import ShapeError
from spinntensor.nn.data import Arrays, Scaled


@pytest.mark.parametrize(
    ("have", "shape", "count"),
    [
        ((5, 8, 8, 1), (8, 8, 1), 5),
        ((5, 8, 8), (8, 8, 1), 5),
        ((5, 8, 8, 1), (64,), 5),
        ((5, 64), (64,), 5),
        ((64,), (64,), 1),
        ((8, 8, 1), (8, 8, 1), 1),
        ((3, 4, 4, 1), (4, 4), 3),
    ],
)
def test_samples_are_brought_to_the_shape_of_an_input(have, shape, count):
    x = np.arange(np.prod(have)).reshape(have)
    found = Arrays(x).shaped(shape)
    assert found.x.shape == (count, *shape)
    np.testing.assert_array_equal(found.x.ravel(), x.ravel())


@pytest.mark.parametrize(
    ("have", "shape"), [((5, 8, 8), (28, 28, 1)), ((5, 64), (8, 8, 1)), ((5, 2, 8), (8, 2))]
)
def test_other_samples_are_refused(have, shape):
    with pytest.raises(ShapeError, match=r"digits\.npz: received samples .* expected") as caught:
        Arrays(np.zeros(have), None, "digits.npz").shaped(shape)
    assert str(shape) in str(caught.value)


def test_bytes_are_pixels():
    x, y = Scaled(Arrays(np.array([[0], [255], [51]], np.uint8), np.arange(3))).take(np.array([2, 1]))
    assert x.dtype == np.float32 and x.tolist() == [[np.float32(0.2)], [1.0]] and y.tolist() == [2, 1]


def test_other_numbers_stay_what_they_are():
    for dtype in (np.int64, np.float64, np.float32):
        source = Scaled(Arrays(np.array([[0], [255]], dtype), np.arange(2)))
        assert source.take(np.arange(2))[0].tolist() == [[0.0], [255.0]]
        assert source.labels.tolist() == [0, 1] and len(source) == 2
    assert np.isinf(Scaled(Arrays(np.array([1e300]))).take(np.arange(1))[0])
