"""Depthwise convolution of bytes, to planes and back, against its definition."""

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels import depthwise_tile
from spinntensor.kernels.depthwise_tile import Depthwise
from spinntensor.machine.tile import run_tile

SAME = (1, 1, 1, 1)
TILES = {
    "an image": Depthwise((7, 7), 16, 1, SAME),
    "its middle": Depthwise((3, 6), 8),
    "an odd width": Depthwise((2, 5), 8, group=4),
    "stride 2": Depthwise((4, 3), 12, 2, (1, 1, 0, 0), group=8),
    "blocks": Depthwise((5, 6), 32, 1, (1, 1, 0, 1), block=16, group=12),
    "rows": Depthwise((3, 4), 16, 2, (0, 1, 1, 0), block=8, by_rows=(True, True)),
    "one pixel": Depthwise((1, 1), 4, 1, SAME),
}


def outputs(stored, expected):
    return np.concatenate([part.reshape(-1) for part in stored.values()]).reshape(expected.shape)


@pytest.mark.parametrize("signed", (False, True))
@pytest.mark.parametrize("extreme", (False, True))
@pytest.mark.parametrize("name", TILES)
def test_bits(rng, name, signed, extreme):
    d = TILES[name]
    operands = depthwise_tile.sample(d, rng, signed, extreme)
    expected = depthwise_tile.twin(d, operands)
    got = run_tile(Core(strict=True), depthwise_tile.tile(d, operands))
    np.testing.assert_array_equal(outputs(got.stored, expected), expected)


def test_the_twin_is_the_definition(rng):
    d = TILES["stride 2"]
    operands = depthwise_tile.sample(d, rng)
    x, w = (operands[n].astype(np.int64) for n in ("x", "w"))
    centred = np.pad(x - operands["zero"], ((1, 0), (1, 0), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(centred, (3, 3), (0, 1))[::2, ::2]
    sums = (patches * w).sum(axis=(-1, -2)) + operands["bias"]
    scaled = np.rint(np.ldexp(sums.astype(np.longdouble) * operands["m"], operands["p"] - 32))
    expected = np.clip(scaled + operands["zp"], 0, 255)
    np.testing.assert_array_equal(depthwise_tile.twin(d, operands), expected)


def test_a_clamp_takes_the_exact_route(rng):
    d = TILES["an image"]
    operands = depthwise_tile.sample(d, rng) | {"low": 7, "high": 200}
    expected = depthwise_tile.twin(d, operands)
    got = run_tile(Core(strict=True), depthwise_tile.tile(d, operands))
    np.testing.assert_array_equal(outputs(got.stored, expected), expected)
    assert expected.min() == 7 and expected.max() == 200


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"stride": 3}, "1 or 2"),
        ({"channels": 6}, "multiple of 4"),
        ({"group": 3}, "multiple of 4"),
        ({"block": 12}, "whole blocks"),
        ({"out": (1, 1), "border": (2, 0, 1, 0)}, "a pixel inside"),
    ],
)
def test_refuses_a_geometry(changes, words):
    with pytest.raises(OperandError, match=words):
        Depthwise(**{"out": (4, 4), "channels": 16} | changes)


def test_refuses_operands(rng):
    d = TILES["its middle"]
    operands = depthwise_tile.sample(d, rng)
    with pytest.raises(OperandError, match="zero"):
        depthwise_tile.tile(d, operands | {"zero": 256})
    with pytest.raises(OperandError, match="size 5 on axis 0"):
        depthwise_tile.tile(d, operands | {"x": operands["x"][1:]})
    with pytest.raises(RangeError, match="coarser output scale"):
        depthwise_tile.tile(d, operands | {"bias": np.full(8, 1 << 30, np.int32), "p": operands["p"] + 9})
