"""Recipes of bfp16 convolutions and products: what fits, and what is multiplied; `tests/image/emit` runs tiles."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.plan.recipes import bfp16_conv as recipes
from spinntensor.plan.recipes.bfp16_conv import Tile
from spinntensor.plan.recipes.bfp16_gemm import Product
from spinntensor.plan.recipes.bfp16_gemm import fitting as products
from spinntensor.plan.recipes.bfp16_scale import ALONE, Scale
from spinntensor.plan.recipes.parts import ROOM
from spinntensor.plan.recipes.sums import join

CASES = [((3, 3), (1, 1)), ((3, 3), (2, 2)), ((1, 1), (1, 1)), ((1, 1), (2, 2))]


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
def test_products_fit_whatever_their_depth(m, n, k, part):
    found = products(Product(m, 4 * n, k, part=part, scale=Scale(1, 4 * n)))
    assert found or m * n > 100
    for recipe in found:
        assert recipe.dtcm_bytes <= ROOM and recipe.macs == 4 * m * n * k


def test_sums_are_joined_in_the_dtcm():
    made = join(16, (3, 3, 16, 16), 1, ALONE)
    assert made is not None and made.dtcm_bytes <= ROOM
    assert sum(dict(c.shape)["n"] * c.count for c in made.calls if c.kernel == "add_s64") == 15 * 2304
    assert join(2, (1, 1, 1, 100_000), 1, ALONE) is None
