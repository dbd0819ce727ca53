"""Cuts: tiles cover results once, in the order that was asked for."""

from itertools import pairwise
from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.lower.box import boxes, count, cut, index, sizes, whole
from spinntensor.plan.cut import Cut, Task


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 9))
def test_a_size_is_cut_evenly_at_multiples_of_the_unit(size, parts, unit):
    spans = cut(size, parts, unit)
    assert spans[0][0] == 0
    assert spans[-1][1] == size
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert all(start < stop for start, stop in spans)
    assert all(start % unit == 0 for start, _ in spans)
    units = [-(-(stop - start) // unit) for start, stop in spans]
    assert max(units) - min(units) <= 1
    assert len(spans) == min(parts, -(-size // unit))


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 4)), min_size=1, max_size=3), st.randoms())
def test_every_element_is_in_one_task(axes, random):
    spans = tuple(cut(size, parts) for size, parts in axes)
    order = list(range(len(axes)))
    random.shuffle(order)
    tiles = prod(len(s) for s in spans)
    made = Cut(spans, order=tuple(order), owners=tuple(random.randrange(4) for _ in range(tiles)))
    seen = np.zeros([size for size, _ in axes], int)
    tasks = list(made)
    for task, _ in tasks:
        seen[index(task.box)] += 1
    assert (seen == 1).all()
    assert made.tiles == len(tasks) == tiles
    assert made.workers == tuple(sorted(set(made.owners)))
    starts = [tuple(task.box[a][0] for a in order) for task, _ in tasks]
    assert starts == sorted(starts)


def test_sums_that_are_cut_make_partial_tasks_and_joins():
    made = Cut((cut(4, 2),), cut(6, 3), (0, 1), (0, 1, 0, 1, 0, 1), (1, 0))
    assert made.partial
    assert made.parts == (2, 3)
    assert next(iter(made)) == (Task(((0, 2),), (0, 2)), 0)
    assert list(made.joins()) == [(((0, 2),), 1), (((2, 4),), 0)]
    assert made.workers == (0, 1)


def test_boxes():
    assert list(boxes([cut(3, 2), cut(2, 1)])) == [((0, 2), (0, 2)), ((2, 3), (0, 2))]
    assert sizes(((1, 3), (0, 5))) == (2, 5)
    assert count(whole((2, 3))) == 6
    assert count(()) == 1
