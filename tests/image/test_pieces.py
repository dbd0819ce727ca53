"""Runs of boxes in SDRAM: as many and as long as plans count, and just the bytes of the box."""

import numpy as np
import pytest

from spinntensor.image.contents import from_bytes, to_bytes
from spinntensor.image.pieces import doubles, pieces
from spinntensor.lower.box import index
from spinntensor.plan.layout import Layout


def drawn(rng):
    """A layout and a box of it, drawn at random."""
    rank, item = int(rng.integers(0, 5)), int(rng.choice([1, 2, 4]))
    shape = tuple(int(n) for n in rng.integers(1, 6, rank))
    block = 0
    if rank == 4 and rng.integers(2):
        shape, block, item = (*shape[:3], int(rng.choice([8, 16, 24]))), 8, 1
    box = []
    for axis, size in enumerate(shape):
        unit = block if block and axis == 3 else 1
        start = int(rng.integers(0, size // unit))
        box.append((unit * start, unit * int(rng.integers(start + 1, size // unit + 1))))
    return Layout(shape, item, block), tuple(box)


@pytest.mark.parametrize("seed", range(200))
def test_runs_are_those_that_plans_count(seed):
    layout, box = drawn(np.random.default_rng(seed))
    nbytes, count = layout.transfer(box)
    found = pieces(layout, box)
    assert len(found) == count
    assert sum(doubles(piece.nbytes) for piece in found) == nbytes
    assert all(piece.offset % 8 == 0 or layout.shape[-1] != box[-1][1] - box[-1][0] for piece in found)


@pytest.mark.parametrize("seed", range(100))
def test_runs_hold_the_elements_of_the_box(seed):
    rng = np.random.default_rng(seed)
    layout, box = drawn(rng)
    dtype = {1: np.uint8, 2: np.int16, 4: np.float32}[layout.item]
    value = np.zeros(layout.shape, dtype)
    value[index(box) or ...] = 1
    content = to_bytes(value, layout)
    inside = np.zeros(layout.nbytes, bool)
    for piece in pieces(layout, box):
        inside[piece.offset : piece.offset + piece.nbytes] = True
    ones = to_bytes(np.ones(layout.shape, dtype), layout)
    assert not content[~inside].any()
    assert (content[inside] == ones[inside]).all()


@pytest.mark.parametrize(
    "shape, dtype, item, block",
    [
        ((2, 3, 4, 16), np.uint8, 1, 8),
        ((1, 4, 5, 3), np.int8, 1, 3),
        ((5,), np.float32, 4, 0),
        ((), np.float32, 4, 0),
        ((3, 5), np.int64, 4, 0),
        ((2, 3, 3), np.int16, 2, 0),
        ((4, 0), np.float32, 4, 0),
    ],
)
def test_values_survive_the_way_into_sdram_and_back(shape, dtype, item, block, rng):
    value = rng.integers(0, 100, shape).astype(dtype)
    layout = Layout(shape, item, block)
    content = to_bytes(value, layout)
    assert content.nbytes == layout.nbytes
    assert (from_bytes(content, layout, np.dtype(dtype)) == value).all()
