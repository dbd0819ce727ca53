"""Windows as users write them: borders by their definition, layouts there and back, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.errors import ShapeError
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.windows import borders, layout, several


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 5), st.integers(1, 3))
def test_same_gives_one_result_for_every_stride_with_as_little_as_possible(size, window, stride, dilation):
    ((before, after),) = borders("op", "same", [size], [window], [stride], [dilation])
    reach = (window - 1) * dilation + 1
    results = -(-size // stride)
    assert 0 <= after - before <= 1
    assert (size + before + after - reach) // stride + 1 == results
    if before + after:
        assert (size + before + after - 1 - reach) // stride + 1 < results


@pytest.mark.parametrize(
    "padding,want",
    [
        ("valid", [(0, 0), (0, 0)]),
        (2, [(2, 2), (2, 2)]),
        (np.int64(1), [(1, 1), (1, 1)]),
        ((1, 2), [(1, 1), (2, 2)]),
        ([(0, 1), 3], [(0, 1), (3, 3)]),
        (((1, 2), [3, 4]), [(1, 2), (3, 4)]),
    ],
)
def test_ways_to_write_borders(padding, want):
    assert borders("op", padding, [9, 9], [3, 3], [1, 1], [1, 1]) == want


@pytest.mark.parametrize(
    "padding", ["SAME", -1, 1.5, True, (1,), (1, 2, 3), ((1, 2, 3), 1), ((0, -1), 0), None]
)
def test_borders_that_are_none(padding):
    with pytest.raises(ShapeError, match="one integer or"):
        borders("op", padding, [9, 9], [3, 3], [1, 1], [1, 1])


def test_one_number_or_several():
    assert several("op", "stride", 2, 2) == (2, 2)
    assert several("op", "stride", [1, np.int32(3)], 2) == (1, 3)
    for bad in (0, (1,), (1, 2, 3), 1.0, "12", None, True, (1, True)):
        with pytest.raises(ShapeError, match="correct stride"):
            several("op", "stride", bad, 2)


@pytest.mark.parametrize(
    "name,shape", [("NHWC", (2, 3, 4, 5)), ("NCHW", (2, 5, 3, 4)), ("NWC", (2, 4, 5)), ("NCW", (2, 5, 4))]
)
def test_layouts_there_and_back(name, shape):
    x = tensor(np.arange(np.prod(shape)).reshape(shape))
    place = layout("op", name, len(shape) - 2)
    last = place.last("op", x)
    assert last.shape == ((2, 3, 4, 5) if len(shape) == 4 else (2, 1, 4, 5))
    assert place.sizes(last) == ((3, 4) if len(shape) == 4 else (4,))
    assert np.array_equal(place.back(last).numpy(), x.numpy())
