"""Orders and splits: permutations that depend on count, seed and epoch alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from spinntensor.nn.data import order, split


@given(some.integers(0, 300), some.integers(0, 2**64 - 1), some.integers(0, 2**31 - 1))
def test_an_order_has_every_number_once(count, seed, epoch):
    np.testing.assert_array_equal(np.sort(order(count, seed, epoch)), np.arange(count))


def test_an_order_is_fixed_for_ever():
    """These bits may not change: a training that is resumed sees the rest of its epoch."""
    assert order(10, 1).tolist() == RECORDED_FIRST
    assert order(10, 1, 1).tolist() == RECORDED_SECOND


RECORDED_FIRST = [6, 7, 4, 3, 8, 1, 9, 2, 0, 5]
RECORDED_SECOND = [1, 0, 3, 8, 5, 2, 7, 6, 4, 9]


@given(some.integers(2, 300), some.floats(0, 1), some.integers(0, 100))
def test_a_split_leaves_nobody_out(count, held_out, seed):
    rest, held = split(count, held_out, seed)
    assert len(rest) >= 1 and len(held) >= 1
    np.testing.assert_array_equal(np.sort(np.concatenate([rest, held])), np.arange(count))


def test_a_quarter_is_held_out():
    rest, held = split(1797)
    assert (len(rest), len(held)) == (1347, 450)
    assert not np.array_equal(held, split(1797, seed=1)[1])
