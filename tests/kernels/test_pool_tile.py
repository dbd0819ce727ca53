"""A convolution that is pooled in the DTCM, against the maximum over the convolution's own definition."""

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError
from spinntensor.kernels import conv2d_tile, pool_tile
from spinntensor.kernels.conv2d_tile import Conv2d
from spinntensor.machine.tile import run_tile


def geometry(**changes):
    sizes = {"tile": (6, 8), "channels": 3, "out_channels": 6, "kernel": (3, 3), "stride": (1, 1)}
    return Conv2d(**sizes | {"corner": (0, 0), "out": (4, 6), "chunk": (3, 3, 3), "pitch": (4, 8)} | changes)


@pytest.mark.parametrize("signed", (False, True))
@pytest.mark.parametrize(
    "changes", [{}, {"group": 2}, {"out_channels": 8, "pitch": (0, 0), "group": 3}, {"chunk": (1, 3, 3)}]
)
def test_the_largest_of_four_pixels(rng, signed, changes):
    conv = geometry(**changes)
    operands = conv2d_tile.sample(conv, rng, signed)
    y = conv2d_tile.twin(conv, operands)
    expected = [[y[i : i + 2, j : j + 2].max(axis=(0, 1)) for j in (0, 2, 4)] for i in (0, 2)]
    got = run_tile(Core(strict=True), pool_tile.tile(conv, operands)).stored["y"]
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(pool_tile.twin(conv, operands), expected)


@pytest.mark.parametrize(
    "changes, words", [({"out": (3, 6)}, "whole windows"), ({"pitch": (4, 6)}, "whole words")]
)
def test_refuses(rng, changes, words):
    conv = geometry(**changes)
    with pytest.raises(OperandError, match=words):
        pool_tile.tile(conv, conv2d_tile.sample(conv, rng))
