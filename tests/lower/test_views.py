"""Views: when the bytes of a value are those of another shape, and what is copied because its reader needs them so."""

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import spinntensor as sp
from spinntensor.lower import lower
from spinntensor.lower.views import alike
from spinntensor.plan.layout import Layout


def places(shape, item):
    """The byte at which each element starts, row-major."""
    layout, found = Layout(shape, item), []
    for index in product(*map(range, shape)):
        *outer, last = index or (0,)
        row = np.ravel_multi_index(outer, shape[:-1]) if outer else 0
        found.append(int(row) * layout.row + last * item)
    return found


@given(
    st.permutations([2, 3, 4, 5]),
    st.permutations([2, 3, 4, 5]),
    st.integers(0, 3),
    st.sampled_from([1, 2, 4]),
)
def test_shapes_are_alike_where_all_elements_lie_alike(old, new, cut, item):
    one = (*old[:cut], prod(old[cut:]))
    for other in ((*new[:cut], prod(new[cut:])), (*new, 1), tuple(new), (1, prod(new)), (prod(new),)):
        assert alike(one, other, item) == (places(one, item) == places(other, item))


def kinds(function, *shapes):
    graph = sp.compile(function).graph(*(sp.tensor(np.ones(s, np.float32)) for s in shapes))
    return [s.kind for s in lower(graph).stages]


@pytest.mark.parametrize(
    ("old", "copied"),
    [((4, 6, 5), True), ((4, 5, 6), False), ((4, 30, 1), False), ((1, 30, 4), False), ((120,), False)],
)
def test_products_read_copies_of_views_with_padding_within_rows(old, copied):
    found = kinds(lambda x, w: sp.reshape(x, (4, 30)) @ w, old, (30, 8))
    assert found == ["move", "matmul"][not copied :]


def test_a_column_may_be_any_row():
    assert kinds(lambda x, w: w @ sp.reshape(x, (5, 1)), (5,), (7, 5)) == ["matmul"]
    assert kinds(lambda x, w: w @ sp.reshape(x, (5, 1)), (1, 5), (7, 5)) == ["matmul"]


def test_words_are_found_wherever_they_lie():
    assert kinds(lambda x: sp.exp(sp.reshape(x, (4, 30))), (4, 6, 5)) == ["map"]
    assert kinds(lambda x: sp.sum(sp.reshape(x, (4, 30)), 1), (4, 6, 5)) == ["reduce"]


def test_all_readers_of_a_copy_read_it():
    found = kinds(lambda x, w: [(y := sp.reshape(x, (4, 30))) @ w, sp.transpose(y) @ y], (4, 6, 5), (30, 8))
    assert sorted(found) == ["matmul", "matmul", "move", "move"]
