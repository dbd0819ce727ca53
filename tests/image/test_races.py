"""Shares that touch the same bytes of the SDRAM, one of them writing, come one after the other by the plan's waits.

Left out is what a share reads of a value in the period in which it is made: whole rows are fetched where a part of them
is needed, and what the others hold then does not matter.
"""

from functools import reduce
from itertools import pairwise
from operator import or_

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from planning import machine, small

from spinntensor.image.emit.action import Fetch, Store
from spinntensor.image.rows import sites_of
from spinntensor.plan.keep import lowered_with
from spinntensor.plan.partition import OBJECTIVES
from spinntensor.plan.planner import plan

PERIODS = 3


def before(made):
    """For each share of each period those that are done before it, as bits: share s of period p is bit p * n + s."""
    count, earlier = len(made.shares), {}
    for row in made.order:
        nodes = [period * count + share for period in range(PERIODS) for share in row]
        earlier |= {b: [a] for a, b in pairwise([-1, *nodes])}
    for share in made.shares:
        for period in range(PERIODS):
            waits = [(period - w.periods) * count + w.share for w in share.waits if w.periods <= period]
            earlier[period * count + share.number] += waits
    done, todo = {-1: 0}, list(earlier)
    while todo:
        missing = [node for node in earlier[todo[-1]] if node not in done]
        if missing:
            todo += missing
            continue
        node = todo.pop()
        done[node] = reduce(or_, (done[e] | (1 << e if e >= 0 else 0) for e in earlier[node]))
    return done


def touched(made, graph, where):
    """What shares read and write: first byte, the one behind the last, whether it is written, and the share's bit."""
    sites = sites_of(made, graph, where)
    found = set()
    for share in made.shares:
        for tile in sites.tiles(share):
            for a in tile.actions:
                if isinstance(a, Fetch | Store):
                    written = isinstance(a, Store)
                    at = a.to if written else a.source
                    turn = sites.places.turns[at.turn]
                    for period in range(PERIODS):
                        first = at.address + turn.stride * ((period + turn.first) % turn.copies)
                        found.add(
                            (first, first + a.nbytes, written, period * len(made.shares) + share.number)
                        )
    return np.array(sorted(found), np.int64)


def _read(lowered, stage):
    """The values that a stage reads, by the nodes that hold them."""
    return {lowered.home(i) for i in stage.inputs}


def races(made, graph, where):
    """Pairs of layers that touch the same bytes in no order, one of them writing."""
    done, all_ = before(made), touched(made, graph, where)
    found, count, lowered = set(), len(made.shares), lowered_with(graph, made.recomputed)
    read = {
        stage.number: {other.number for other in lowered.stages if set(stage.results) & _read(lowered, other)}
        for stage in lowered.stages
    }
    for first, stop, _, one in all_[all_[:, 2] == 1]:
        near = all_[(all_[:, 0] < stop) & (all_[:, 1] > first)]
        for other in set(near[:, 3].tolist()) - {int(one)}:
            period, share = divmod(other, count)
            if period == one // count and made.shares[share].stage in read[made.shares[one % count].stage]:
                continue
            if not (done[one] >> other & 1 or done[other] >> int(one) & 1):
                shares = (made.shares[number % count] for number in (one, other))
                found.add(tuple(sorted((made.layers[s.stage].name, s.step) for s in shares)))
    return found


def check(examples):
    @settings(max_examples=examples)
    @example(
        8599, ("bfp16", False), 2, 0, "throughput"
    )  # parts of a product, and what its exponents are made of
    @given(
        st.integers(0, 9999),
        st.sampled_from([("int8", False), ("float32", True), ("bfp16", False), ("bfp16", True)]),
        st.sampled_from([1, 2, 5]),
        st.sampled_from([15, 14, 13, 10, 0]),
        st.sampled_from(OBJECTIVES),
    )
    def none(seed, kind, batch, dead, objective):
        format, train = kind
        graph, where = small(seed, batch, format, train), machine(np.random.default_rng(seed), dead)
        made = plan(graph, where, objective=objective, batch=batch)
        assert races(made, graph, where) == set()

    none()


def test_no_share_overwrites_what_another_one_may_still_read():
    check(10)


@pytest.mark.slow
def test_many_plans_have_no_races():
    check(200)
