"""Dealing: runs of neighbours with the smallest possible largest sum, the longest to whom has the least to do."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.plan.deal import deal, runs


def best(costs, parts):
    """The smallest largest sum of at most `parts` runs, by trying all."""

    @cache
    def over(at, left):
        if at == len(costs):
            return 0
        if not left:
            return float("inf")
        return min(max(sum(costs[at:end]), over(end, left - 1)) for end in range(at + 1, len(costs) + 1))

    return over(0, parts)


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0]), min_size=1, max_size=12), st.integers(1, 6))
def test_runs_are_the_best_there_are(costs, parts):
    lengths = runs(costs, parts)
    assert sum(lengths) == len(costs)
    assert 1 <= len(lengths) <= parts
    assert min(lengths) >= 1
    at, largest = 0, 0.0
    for length in lengths:
        largest = max(largest, sum(costs[at : at + length]))
        at += length
    assert largest == pytest.approx(best(tuple(costs), parts), rel=1e-5)


def test_equal_tiles_are_dealt_in_order():
    assert deal([1.0] * 8, [0.0] * 4) == (0, 0, 1, 1, 2, 2, 3, 3)


def test_the_longest_run_goes_to_the_worker_with_the_least_to_do():
    owners = deal([1.0] * 5, [3.0, 0.0, 2.0, 1.0])
    assert owners.count(1) == 2
    assert sorted(set(owners)) == [0, 1, 2, 3]


def test_few_tiles_go_to_idle_workers():
    assert set(deal([1.0, 1.0], [5.0, 0.0, 5.0, 0.0])) == {1, 3}
