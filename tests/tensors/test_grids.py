"""Grids of products and the multipliers between grids: values, what is kept, messages."""

import numpy as np
import pytest

from spinntensor.errors import ShapeError
from spinntensor.formats import Int8, Int32, Quantized, grid
from spinntensor.kernels.quantize import multipliers
from spinntensor.tensors.grids import constants, equal, factors, product, words
from spinntensor.tensors.operands import tensor

X = tensor(Quantized(grid(Int8(unsigned=True), 0.5, 128), np.zeros((2, 3), np.uint8)))
W = tensor(Quantized(grid(Int8(True, axis=1), [0.25, 2.0]), np.zeros((3, 2), np.int8)))


def test_products_are_made_once():
    g = product("op", X, W)
    assert g.format == Int32(-1) and g.scale.tolist() == [0.125, 1.0]
    assert product("op", X, W) is g
    plain = tensor(np.zeros((2, 2), np.int8))
    assert product("op", plain, plain) is None
    with pytest.raises(ShapeError, match=r"st\.quantize the other one as well"):
        product("op", X, plain)


def test_factors_are_kept_with_their_grids():
    have, want = grid(Int32(-1), [0.125, 1.0]), grid(Int8(), 0.3)
    m, p = factors("op", have, want, 2)
    assert [m.value.tolist(), p.value.tolist()] == [v.tolist() for v in multipliers(have.scale / 0.3)]
    assert factors("op", have, want, 2)[0] is m
    assert factors("op", grid(Int32(), 0.125), want, 3)[0].value.shape == (3,)
    with pytest.raises(ShapeError, match=r"0 < scale < 2\*\*29 for the quotient"):
        factors("op", have, grid(Int8(), 1e-12), 2)


def test_equal_grids_and_words_for_them():
    a, b = grid(Int32(-1), [1, 2]), grid(Int32(1), [1.0, 2.0])
    assert equal(a, b) and equal(None, None) and not equal(a, None)
    assert not equal(a, grid(Int32(), 1)) and not equal(grid(Int8(), 1, 2), grid(Int8(), 1, 3))
    assert words(a) == "2 scales from 1 to 2 on axis -1"
    assert words(X.grid) == "scale 0.5, zero point 128" and words(None) == "no grid"
    assert constants("op", X) == (0.5, 128)
