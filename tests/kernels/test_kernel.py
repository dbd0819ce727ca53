"""Shapes drawn for a kernel, and what equal bits are."""

import numpy as np
import pytest

from spinntensor.kernels import kernel
from spinntensor.kernels.kernel import draw_shape, equal_bits


@pytest.mark.parametrize(
    "a,b,same",
    [
        (np.float32([0.0, 1.0]), np.float32([0.0, 1.0]), True),
        (np.float32([0.0]), np.float32([-0.0]), False),
        (np.float32([np.nan]), np.float32([np.nan]), True),
        (np.float32([np.nan]), -np.float32([np.nan]), False),
        (np.int32([1]), np.int64([1]), False),
        (np.int32([[1]]), np.int32([1]), False),
        (np.arange(6).reshape(2, 3).T, np.ascontiguousarray(np.arange(6).reshape(2, 3).T), True),
    ],
)
def test_equal_bits(a, b, same):
    assert equal_bits(a, b) is same


def test_drawn_shapes_stay_in_range_and_switches_stay_switches():
    k, rng = kernel("im2col_u8_outer_u8"), np.random.default_rng(1)
    for _ in range(200):
        for name, size in draw_shape(k, rng, 2.0).items():
            low, high = k.dims[name]
            assert low <= size <= (high if high <= 1 else 2 * high)
