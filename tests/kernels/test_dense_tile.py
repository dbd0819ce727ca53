"""Dense layers as tiles: by vector and by matrix, against rational numbers."""

from fractions import Fraction

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels import dense_tile
from spinntensor.kernels.dense_tile import Dense
from spinntensor.kernels.quantize import limits, multipliers
from spinntensor.machine.tile import run_tile


def sample(rng, dense, n, dtype, extreme=False):
    low, high = limits(dtype)
    x = rng.integers(low, high, (n, dense.x_pitch), dtype, endpoint=True)
    w = rng.integers(-128, 127, (dense.outputs, dense.inputs), np.int8, endpoint=True)
    if extreme:
        x, w = rng.choice(np.array([low, high], dtype), x.shape), np.full_like(w, -128)
    m, p = multipliers(rng.uniform(0.5, 2, dense.outputs) / (75 * dense.inputs**0.5))
    bias = rng.integers(-(1 << 14), 1 << 14, dense.outputs, np.int32)
    zero, zp = (int(v) for v in rng.integers(low, high, 2, endpoint=True))
    return {"x": x, "w": w, "bias": bias, "m": m, "p": p, "zero": zero, "zp": zp, "dtype": dtype}


def by_definition(dense, o):
    dtype = np.iinfo(o["dtype"])
    sums = (o["x"][:, : dense.inputs].astype(int) - o["zero"]) @ o["w"].T.astype(int) + o["bias"]
    y = np.zeros((len(sums), dense.y_pitch), o["dtype"])
    for (i, j), total in np.ndenumerate(sums):
        value = o["zp"] + round(int(total) * Fraction(int(o["m"][j]) << int(o["p"][j]), 1 << 32))
        y[i, j] = min(max(value, o.get("low", dtype.min)), o.get("high", dtype.max))
    return y


@pytest.mark.parametrize("dtype", (np.uint8, np.int8))
@pytest.mark.parametrize(
    "dense",
    [Dense(1, 1), Dense(12, 9), Dense(84, 10, (88, 16)), Dense(37, 20), Dense(400, 32), Dense(9, 3, (40, 8))],
)
@pytest.mark.parametrize("extreme", (False, True))
def test_vector_and_matrix_give_the_definition(rng, dense, dtype, extreme):
    operands = sample(rng, dense, 4, dtype, extreme) | {"low": limits(dtype)[0] + 20}
    expected = by_definition(dense, operands)
    np.testing.assert_array_equal(dense_tile.twin(dense, operands), expected)
    core = Core(strict=True)
    stored = run_tile(core, dense_tile.batch(dense, operands)).stored
    np.testing.assert_array_equal([stored[f"y {i}"] for i in range(4)], expected)
    one = run_tile(core, dense_tile.tile(dense, operands | {"x": operands["x"][1]})).stored["y"]
    np.testing.assert_array_equal(one, expected[1])


@pytest.mark.parametrize(
    "changes, error, words",
    [
        ({"x": np.zeros(8, np.uint8)}, OperandError, "'x'"),
        ({"x": np.zeros(12, np.float32)}, OperandError, "'x'"),
        ({"w": np.zeros((9, 11), np.int8)}, OperandError, "'w'"),
        ({"zero": 256}, OperandError, "'zero'"),
        ({"bias": np.full(9, (1 << 31) - 1, np.int32)}, RangeError, "cut the channels"),
    ],
)
def test_refuses(rng, changes, error, words):
    dense = Dense(12, 9)
    good = sample(rng, dense, 1, np.uint8)
    with pytest.raises(error, match=words):
        dense_tile.tile(dense, good | {"x": good["x"][0], "zero": 0} | changes)


def test_a_pitch_below_the_outputs_is_refused(rng):
    with pytest.raises(OperandError, match="pitch"):
        dense_tile.tile(Dense(12, 9, (0, 8)), sample(rng, Dense(12, 9), 1, np.uint8))
