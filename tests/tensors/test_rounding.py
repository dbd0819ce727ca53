"""Numbers made whole, and their sign, against NumPy: values, places, formats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinntensor.errors import ShapeError
from spinntensor.tensors import rounding as r
from spinntensor.tensors.elementwise import astype
from spinntensor.tensors.tensor import Tensor

WHOLE = {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint, "sign": np.sign}
FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True) | st.integers(-9, 9).map(lambda n: n / 2)


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=60)
@given(values=st.lists(FLOATS, max_size=8))
def test_functions(name, values):
    x = np.float32(values)
    got = getattr(r, name)(x)
    assert type(got) is Tensor
    assert np.array_equal(got.numpy(), WHOLE[name](x), equal_nan=True)
    assert (got.numpy().view(np.uint32)[np.isnan(x)] == 0x7FC00000).all()


@pytest.mark.parametrize("name", WHOLE)
def test_formats(name):
    function = getattr(r, name)
    n = np.int32([-7, 0, 7])
    assert (function(n).format, function(n).tolist()) == (
        "int32",
        np.sign(n).tolist() if name == "sign" else n.tolist(),
    )
    b = astype([-1.5, 0.75], "bfp16")
    assert (function(b).format, function(b).tolist()) == ("bfp16", WHOLE[name]([-1.5, 0.75]).tolist())


def test_ties_and_small_numbers():
    x = np.float32([2.5, -2.5, 3.5, 0.49999997, 8388609.0, -0.4])
    assert r.rint(x).tolist() == [2, -2, 4, 0, 8388609, 0]
    assert np.signbit(r.rint(x).numpy()[-1])
    assert not np.signbit(r.sign(np.float32([-0.0])).numpy()[0])


def test_rounding_to_places():
    x = np.float32([1.25, -2.675, 1234.5])
    assert np.array_equal(r.round(x).numpy(), np.round(x))
    assert np.allclose(r.round(x, 2).numpy(), np.round(x, 2))
    assert np.array_equal(r.round(x, -2).numpy(), np.round(x, -2))
    assert r.round(np.int32([7, 15]), 2).tolist() == [7, 15]
    with pytest.raises(ShapeError, match="decimals"):
        r.round(x, 1.5)
