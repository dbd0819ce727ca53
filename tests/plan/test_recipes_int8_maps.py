"""Recipes of dense layers, pooling and element-wise work on bytes against real calls."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.emulator.core import Core
from spinntensor.kernels import dense_tile, kernel
from spinntensor.kernels.dense_tile import Dense
from spinntensor.kernels.quantize import multipliers
from spinntensor.kernels.tile import Fetch, Step, Store
from spinntensor.machine.call import run
from spinntensor.machine.tile import run_tile
from spinntensor.plan.recipes import bytes_maps, pool
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.dense import batch, vector
from spinntensor.plan.recipes.pool import Pool, global_mean


def dense_operands(dense, signed, vectors=0):
    rng = np.random.default_rng(1)
    dtype = np.int8 if signed else np.uint8
    m, p = multipliers(rng.uniform(0.5, 2, dense.outputs) / (75 * dense.inputs**0.5))
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    size = (vectors, dense.x_pitch) if vectors else (dense.x_pitch,)
    return {
        "x": rng.integers(low, high, size, dtype, True),
        "w": rng.integers(-127, 128, (dense.outputs, dense.inputs), np.int8),
        "bias": rng.integers(-1000, 1000, dense.outputs, np.int32),
        "m": m,
        "p": p,
        "zero": 5,
        "zp": 3,
        "dtype": dtype,
    }


@given(st.integers(1, 200), st.integers(1, 40), st.booleans(), st.sampled_from([0, 1, 3]))
@settings(max_examples=20, deadline=None)
def test_a_dense_recipe_is_its_tile(inputs, outputs, signed, vectors):
    pitch = tuple(-(-n // 8) * 8 for n in (inputs, outputs))
    dense = Dense(inputs, outputs, pitch)
    operands = dense_operands(dense, signed, vectors)
    use = Use((signed, signed))
    tile = dense_tile.batch(dense, operands) if vectors else dense_tile.tile(dense, operands)
    recipe = batch(dense, vectors, use) if vectors else vector(dense, use)
    assert {r.name: r.nbytes for r in recipe.regions} == dict(tile.regions)
    steps = Counter(s.kernel for s in tile.actions if isinstance(s, Step))
    calls = Counter()
    for call in recipe.calls:
        calls[call.kernel] += call.count
    assert calls == steps
    stores = [-(-a.nbytes // 8) * 8 for a in tile.actions if isinstance(a, Store)]
    assert (recipe.stores[0].nbytes, recipe.stores[0].pieces) == (sum(stores), len(stores))
    weights = [a for a in tile.actions if isinstance(a, Fetch) and a.label in ("a", "w")]
    assert [-(-a.nbytes // 8) * 8 for a in weights] == [recipe.packed]
    done = run_tile(Core(), tile)
    assert sum(c.cycles for c in recipe.calls) == pytest.approx(done.counters.cycles, rel=0.02)


def checked(recipe, operands):
    """One call of the recipe's only kernel on these operands: its buffers are the regions, its cycles those said."""
    (call,) = recipe.calls
    one = kernel(call.kernel)
    made = one.lower(operands)
    found = Counter(-(-b.nbytes // 8) * 8 for b in made.buffers.values())
    assert found == Counter(r.nbytes for r in recipe.regions)
    assert call.cycles / call.count == pytest.approx(
        run(one, operands, core=Core()).counters.cycles, rel=0.02
    )


WINDOWS = (
    ("maxpool", 2, 2, 0),
    ("maxpool", 3, 2, 1),
    ("maxpool", 3, 1, 1),
    ("avgpool", 2, 2, 0),
    ("avgpool", 3, 2, 1),
)


@pytest.mark.parametrize("kind, size, step, border", WINDOWS)
@pytest.mark.parametrize("signed", (False, True))
@pytest.mark.parametrize("c", (5, 16))
def test_pooling(kind, size, step, border, signed, c):
    p = Pool(kind, (3, 5), c, (size, size), (step, step), (border, border, 0, 0), divisors=border > 0)
    rows, columns = p.padded
    rng = np.random.default_rng(2)
    dtype = np.int8 if signed else np.uint8
    x = rng.integers(0, 100, (rows - border, columns - border, c), dtype)
    operands = {"x": x, "border": p.border}
    if not p.fixed:
        operands |= {"window": p.window, "stride": p.stride}
    if kind == pool.MEAN:
        operands |= {"count_border": False, "multiplier": None, "zero_point": 0, "zero_point_out": 0}
    checked(pool.pool(p, Use((signed, signed))), operands)


def test_pooling_by_blocks_takes_a_call_for_each():
    whole = pool.pool(Pool("maxpool", (4, 4), 64, (3, 3), (2, 2), (1, 1, 0, 0), block=16))
    one = pool.pool(Pool("maxpool", (4, 4), 16, (3, 3), (2, 2), (1, 1, 0, 0)))
    assert whole.calls[0].count == 4 and whole.calls[0].shape == one.calls[0].shape
    assert whole.loads[0].pieces == 4 * 8 and whole.loads[0].nbytes == 4 * one.loads[0].nbytes


@pytest.mark.parametrize("signed", (False, True))
def test_global_mean(signed):
    x = np.random.default_rng(3).integers(0, 100, (7, 7, 32), np.int8 if signed else np.uint8)
    operands = {"x": x, "multiplier": None, "zero_point": 0, "zero_point_out": 0}
    checked(global_mean((7, 7), 32, use=Use((signed, signed))), operands)


@pytest.mark.parametrize("signed", (False, True))
def test_quantize_and_back(signed):
    rng, dtype = np.random.default_rng(9), np.int8 if signed else np.uint8
    grid = {"scale": 0.013, "zero": -3 if signed else 125}
    x = rng.uniform(-1.6, 1.6, 1003).astype(np.float32)
    checked(bytes_maps.quantize(1003, signed), {"x": x, **grid, "dtype": dtype})
    checked(bytes_maps.dequantize(1003, signed), {"x": rng.integers(0, 100, 1003, dtype), **grid})


def test_int32_back():
    x = np.random.default_rng(10).integers(-(1 << 30), 1 << 30, 203, np.int32)
    checked(bytes_maps.dequantize_s32(203), {"x": x, "scale": 0.1})


@pytest.mark.parametrize("signed", (False, True))
def test_sums_of_bytes(signed):
    dtype = np.int8 if signed else np.uint8
    rng = np.random.default_rng(5)
    a, b = (rng.integers(0, 100, 1003, dtype) for _ in range(2))
    checked(
        bytes_maps.add_q(1003, Use((signed, signed))), {"a": a, "b": b, "ma": 600_001, "mb": 500_003, "zp": 7}
    )


@pytest.mark.parametrize("signed", (False, True))
def test_requantize(signed):
    rng = np.random.default_rng(6)
    c = rng.integers(-30000, 30000, (16, 1), np.int32)
    m, p = multipliers(np.full(16, 0.0037))
    operands = {"c": c, "bias": None, "m": m, "p": p, "zp": 0, "bound": 30000}
    checked(bytes_maps.requantize(16, 1, Use((signed, signed))), operands)
    several = bytes_maps.requantize(16, 41, Use((signed, signed)))
    assert [call.count for call in several.calls] == [41]


def test_softmax():
    lut = kernel("softmax_s8_u8").sample(np.random.default_rng(0), {"m": 1, "n": 4}, False)["lut"]
    x = np.random.default_rng(7).integers(-128, 128, (3, 1000), np.int8)
    checked(bytes_maps.softmax_q(3, 1000), {"x": x, "lut": lut})
    padded = bytes_maps.softmax_q(3, 1001)
    assert {r.name: r.nbytes for r in padded.regions} == {"x": 3024, "y": 3024, "lut": 1024, "most": 3024}
    assert [call.kernel for call in padded.calls] == ["eltwise_min_s8", "softmax_s8_u8"]


@pytest.mark.parametrize(
    "op, signed", [("add", True), ("mul", True), ("max", True), ("max", False), ("min", False)]
)
@pytest.mark.parametrize("scalar", (False, True))
def test_elementwise(op, signed, scalar):
    rng = np.random.default_rng(8)
    a, b = (rng.integers(0, 100, 203, np.int8 if signed else np.uint8) for _ in range(2))
    checked(bytes_maps.eltwise(op, 203, signed, scalar), {"a": a, "b": int(b[0]) if scalar else b})
