"""Doorbells: every wait across workers is rung, keys lead to their targets alone, the router has room for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan.test_simulate import BELLS, barrier, sets

from spinntensor.errors import OperandError
from spinntensor.machine.facts import facts
from spinntensor.plan.doorbells import KEY_MASK, Bells, bells, doorbells
from spinntensor.plan.share import TILES, Share, Wait
from spinntensor.plan.simulate import simulate

FACTS = facts()


@given(sets(), st.sampled_from([FACTS, FACTS.with_(router_usable_entries=3)]))
def test_each_wait_across_workers_has_its_ring(made, rules):
    shares, order = made
    found = doorbells(shares, order, rules)
    keys = [e.key for e in found.entries]
    assert len(set(keys)) == len(keys) <= rules.router_usable_entries
    entries = {e.key: e for e in found.entries}
    counted = {}
    for numbers in order:
        seen = {}
        for ring in (r for r in found.rings if r.worker == shares[numbers[0]].worker) if numbers else ():
            seen[ring.key] = seen.get(ring.key, 0) + 1
            counted[ring.share] = ring.key, seen[ring.key]
            hit = [e for e in found.entries if ring.key & e.mask == e.key]
            assert [e.targets for e in hit] == [ring.targets]
            assert ring.worker == ring.key >> 8 & 0xFF
    extra = 0
    for share in shares:
        across = [w for w in share.waits if shares[w.share].worker != share.worker]
        assert found.waits.get(share.number, ()) == tuple((*counted[w.share], w.periods) for w in across)
        assert all(share.worker in entries[counted[w.share][0]].targets for w in across)
    for ring in found.rings:
        wanted = {
            s.worker for s in shares for w in s.waits if w.share == ring.share and s.worker != ring.worker
        }
        assert wanted and wanted <= set(ring.targets)
        extra += len(set(ring.targets) - wanted)
    assert extra == found.extra
    if rules is FACTS:
        assert extra == 0
    assert found.packets == sum(len(r.targets) for r in found.rings)


@given(sets(), st.integers(0, 60))
def test_one_packet_at_most_is_under_way_from_a_source_to_a_target(made, latency):
    """With a spacing as long as a packet may be under way, a core's next ring finds the one before taken."""
    shares, order = made
    run = simulate(shares, order, Bells(BELLS.cost, float(latency)), batches=4)
    waited = {w.share for s in shares for w in s.waits if shares[w.share].worker != s.worker}
    for numbers in order:
        ends, last = {}, float("-inf")
        for span in run.spans:
            if span.share in numbers and span.share in waited:
                key = span.period, span.share
                ends[key] = max(ends.get(key, 0.0), span.end)
        starts = {}
        for span in run.spans:
            starts.setdefault((span.period, span.share), span.start)
        for (period, number), end in sorted(
            ends.items(), key=lambda item: (item[0][0], numbers.index(item[0][1]))
        ):
            last = max(end, last + latency)
            for share in shares:
                for wait in share.waits:
                    if wait.share == number and (period + wait.periods, share.number) in starts:
                        assert starts[period + wait.periods, share.number] >= last - 1e-6


def test_a_barrier_takes_one_key_for_each_core():
    shares, order = barrier([[(1.0, 10.0, 1.0)] * 16] * 3)
    found = doorbells(shares, order, FACTS)
    assert len(found.entries) == 16
    assert all(len(e.targets) == 15 and e.mask == KEY_MASK for e in found.entries)
    assert found.fan_in == 15
    assert found.packets == 3 * 16 * 15
    assert found.waits[0] == tuple((e.key, 3, 1) for e in found.entries if e.key >> 8 & 0xFF != 0)


def test_too_small_a_router_is_refused():
    shares, order = barrier([[(1.0, 10.0, 1.0)] * 4] * 2)
    with pytest.raises(OperandError, match="4 workers that ring others"):
        doorbells(shares, order, FACTS.with_(router_usable_entries=3))


def test_sets_that_cost_fewest_packets_are_joined():
    """Worker 0 rings 1 in one share, 1 and 2 in the next, 3 in the last: the first two sets are alike."""
    made = [Share(i, i, TILES, 0, 1, 0.0, 1.0, 0.0, 1.0, 0, 0) for i in range(3)]
    for stage, worker in ((0, 1), (1, 1), (1, 2), (2, 3)):
        number = len(made)
        made.append(Share(number, stage, TILES, worker, 1, 0.0, 1.0, 0.0, 1.0, 0, 0, (Wait(stage),)))
    order = [[0, 1, 2], [3, 4], [5], [6]]
    assert len(doorbells(made, order, FACTS).entries) == 3
    found = doorbells(made, order, FACTS.with_(router_usable_entries=2))
    assert [e.targets for e in found.entries] == [(1, 2), (3,)]
    assert found.extra == 1


def test_figures_of_a_doorbell():
    assert bells(FACTS, 16) == Bells(120.0, 15 * 200.0)
    assert bells(FACTS.with_(packet_core_high_ns=200), 1) == Bells(40.0, 0.0)
