"""Recipes of bfp16 convolutions and products, against tiles that run on the emulated core and against exact sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan import bfp16_tiles as tiles

from spinntensor.emulator.core import Core
from spinntensor.machine.tile import run_tile
from spinntensor.plan.recipes import bfp16_conv as recipes
from spinntensor.plan.recipes.bfp16_conv import Tile
from spinntensor.plan.recipes.bfp16_gemm import fitting as products
from spinntensor.plan.recipes.gemm_float import cycles
from spinntensor.plan.recipes.parts import ROOM
from spinntensor.plan.recipes.sums import join

CASES = [((3, 3), (1, 1)), ((3, 3), (2, 2)), ((1, 1), (1, 1)), ((1, 1), (2, 2))]


def plain(x: np.ndarray, w: np.ndarray, stride, pad: int) -> np.ndarray:
    """conv2d [OH,OW,O] of integers."""
    kh, kw = w.shape[:2]
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    rows = [(s + 2 * pad - k) // by + 1 for s, k, by in zip(x.shape[:2], (kh, kw), stride, strict=True)]
    y = np.zeros((*rows, w.shape[3]), np.int64)
    for u in range(kh):
        for v in range(kw):
            some = padded[u :: stride[0], v :: stride[1]][: rows[0], : rows[1]]
            y += some @ w[u, v]
    return y


def gradient(c: np.ndarray, w: np.ndarray, size, stride, pad: int) -> np.ndarray:
    """conv2d_input [H,W,C] of integers."""
    kh, kw = w.shape[:2]
    y = np.zeros((size[0] + 2 * pad + kh, size[1] + 2 * pad + kw, w.shape[2]), np.int64)
    for u in range(kh):
        for v in range(kw):
            for i in range(c.shape[0]):
                rows = y[u + i * stride[0], v : v + c.shape[1] * stride[1] : stride[1]]
                rows += c[i] @ w[u, v].T
    return y[pad : pad + size[0], pad : pad + size[1]]


def of_weights(x: np.ndarray, c: np.ndarray, kernel, stride, pad: int) -> np.ndarray:
    """conv2d_weight [KH,KW,C,O] of integers."""
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    y = np.zeros((*kernel, x.shape[2], c.shape[2]), np.int64)
    for u in range(kernel[0]):
        for v in range(kernel[1]):
            some = padded[u :: stride[0], v :: stride[1]][: c.shape[0], : c.shape[1]]
            y[u, v] = np.einsum("ijc,ijo->co", some, c)
    return y


def numbers(rng, *shape: int) -> np.ndarray:
    return rng.integers(-32000, 32000, shape, np.int16)


@pytest.mark.parametrize(("kernel", "stride"), CASES)
@pytest.mark.parametrize("channels", [8, 3])
def test_a_convolution_runs_as_its_recipe_says(kernel, stride, channels, rng):
    pad = kernel[0] // 2
    x, w = numbers(rng, 12, 12, channels), numbers(rng, *kernel, channels, 10)
    want = plain(tiles.rounded(x), tiles.rounded(w), stride, pad)
    t = Tile(1, (12, 12), want.shape[:2], channels, 10, kernel, stride, (pad, pad))
    done = run_tile(Core(), tiles.forward(t, 3, x, w, pad))
    made = np.concatenate([done.stored[f"y{i}"] for i in range(0, want.shape[0], 3)])
    assert np.array_equal(made, want.astype(np.float32))
    assert done.counters.cycles == pytest.approx(cycles(recipes.forward(t, 3)), rel=0.04)


@pytest.mark.parametrize(("kernel", "stride"), CASES)
def test_an_adjoint_by_the_input_runs_as_its_recipe_says(kernel, stride, rng):
    pad, size = kernel[0] // 2, (12, 12)
    out = tuple((s + 2 * pad - k) // by + 1 for s, k, by in zip(size, kernel, stride, strict=True))
    c, w = numbers(rng, *out, 12), numbers(rng, *kernel, 8, 12)
    want = gradient(tiles.rounded(c), tiles.rounded(w), size, stride, pad)
    t = Tile(1, out, out, 12, 8, kernel, stride, (pad, pad))
    done = run_tile(Core(), tiles.by_input(t, 3, c, w, (pad, pad)))
    for at in range(0, out[0], 3):
        block = done.stored[f"y{at}"]
        for a in range(stride[0]):
            rows = want[at * stride[0] + a :: stride[0]][: block.shape[1]]
            assert np.array_equal(block[a], rows.astype(np.float32)), (at, a)
    assert done.counters.cycles == pytest.approx(cycles(recipes.by_input(t, 3)), rel=0.06)


@pytest.mark.parametrize(("kernel", "stride"), CASES)
@pytest.mark.parametrize("part", [False, True])
def test_an_adjoint_by_the_weights_runs_as_its_recipe_says(kernel, stride, part, rng):
    pad = kernel[0] // 2
    out = tuple((12 + 2 * pad - k) // by + 1 for k, by in zip(kernel, stride, strict=True))
    x, c = numbers(rng, 12, 12, 16), numbers(rng, *out, 12)
    inner, outer = (8, 8) if part else (16, 12)
    want = of_weights(tiles.rounded(x), tiles.rounded(c), kernel, stride, pad)[:, :, :inner, :outer]
    t = Tile(1, (12, 12), out, inner, outer, kernel, stride, (pad, pad), (16, 12))
    done = run_tile(Core(), tiles.by_weight(t, 3, x, c, (pad, pad)))
    assert np.array_equal(done.stored["y"].reshape(want.shape), want.astype(np.float32))
    predicted = cycles(recipes.by_weight(t, 3)) - sum(
        call.cycles for call in recipes.by_weight(t, 3).calls if call.kernel == recipes.FILL
    )
    assert done.counters.cycles == pytest.approx(predicted, rel=0.04)


@given(
    st.sampled_from(sorted(recipes.KINDS)),
    st.integers(1, 3),
    st.integers(2, 40),
    st.sampled_from([3, 8, 16, 64]),
    st.sampled_from([8, 20, 64]),
    st.sampled_from(CASES),
)
@settings(max_examples=60)
def test_what_fits_fits_and_multiplies_everything(kind, images, side, channels, outputs, case):
    kernel, stride = case
    pad = kernel[0] // 2
    out = (side + 2 * pad - kernel[0]) // stride[0] + 1
    t = Tile(images, (side, side), (out, out), channels, outputs, kernel, stride, (pad, pad))
    for recipe in recipes.fitting(kind, t):
        assert recipe.dtcm_bytes <= ROOM
        assert recipe.macs == images * out * out * kernel[0] * kernel[1] * channels * outputs
        done = sum(
            c.count * dict(c.shape)["m"] * dict(c.shape)["n"] * dict(c.shape)["k"]
            for c in recipe.calls
            if c.kernel == recipes.GEMM
        )
        assert done == recipe.macs
        for transfer in (*recipe.loads, *recipe.stores):
            assert transfer.parts <= transfer.pieces


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3000), st.booleans())
def test_products_fit_whatever_their_depth(m, n, k, sums):
    found = products(m, 4 * n, k, True, sums)
    assert found or m * n > 100
    for recipe in found:
        assert recipe.dtcm_bytes <= ROOM and recipe.macs == 4 * m * n * k


def test_sums_are_joined_in_the_dtcm():
    made = join(16, (3, 3, 16, 16))
    assert made is not None and made.dtcm_bytes <= ROOM
    assert sum(dict(c.shape)["n"] * c.count for c in made.calls if c.kernel == "add_s64") == 15 * 2304
    assert join(2, (1, 1, 1, 100_000)) is None
