"""The simulation: each wait is kept, no worker does two things at once, and closed forms come out exactly."""

from itertools import groupby, pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spinntensor.plan.doorbells import Bells
from spinntensor.plan.plan import BODY, DOORBELLS, LEAD, TAIL
from spinntensor.plan.schedule import barriers, busiest
from spinntensor.plan.share import JOIN, TILES, Share, Wait
from spinntensor.plan.simulate import doorbell_counts, simulate, steady

BELLS = Bells(7.0)
CYCLES = st.integers(0, 100).map(float)


@st.composite
def sets(draw, workers=3, stages=4, own=False):
    """Random shares with random waits that never make a circle, and their order."""
    shares = []
    for stage in range(draw(st.integers(1, stages))):
        for worker in sorted(draw(st.sets(st.integers(0, workers - 1), min_size=1))):
            number = len(shares)
            waits = set()
            for other in shares:
                if (other.worker == worker or not own) and other.stage < stage and draw(st.booleans()):
                    waits.add(Wait(other.number, draw(st.integers(0, 2))))
            shares.append(
                Share(
                    number,
                    stage,
                    TILES,
                    worker,
                    draw(st.integers(1, 4)),
                    draw(CYCLES),
                    draw(CYCLES),
                    draw(CYCLES),
                    1.0,
                    0,
                    0,
                    () if own else tuple(sorted(waits, key=lambda w: (w.share, w.periods))),
                )
            )
    if not own:  # a wait for a later share of a period before
        for i, share in enumerate(shares):
            if draw(st.booleans()):
                back = Wait(draw(st.integers(i, len(shares) - 1)), draw(st.integers(1, 2)))
                shares[i] = Share(**{**vars(share), "waits": tuple(dict.fromkeys((*share.waits, back)))})
    order = tuple(tuple(s.number for s in shares if s.worker == w) for w in range(workers))
    return tuple(shares), order


@given(sets(), st.sampled_from([Bells(), BELLS, Bells(7.0, 40.0)]))
@settings(max_examples=150)
def test_waits_and_orders_are_kept(made, bells):
    shares, order = made
    run = simulate(shares, order, bells, batches=5)
    assert run == simulate(shares, order, bells, batches=5)
    ends = done_at(shares, run)
    starts = {}
    for span in run.spans:
        if span.kind in (LEAD, BODY, DOORBELLS):
            key = span.share, span.period
            starts[key] = min(starts.get(key, span.start), span.start)
    for share in shares:
        for period in range(5):
            for wait in share.waits:
                if wait.periods <= period and (share.number, period) in starts:
                    before = ends.get((wait.share, period - wait.periods), 0.0)
                    assert before <= starts[share.number, period] + 1e-9
    for kinds in ((BODY, DOORBELLS), (LEAD,), (TAIL,)):
        for worker in range(len(order)):
            mine = sorted((s.start, s.end) for s in run.spans if s.lane == worker and s.kind in kinds)
            assert all(a[1] <= b[0] + 1e-9 for a, b in pairwise(mine))
    lengths = {LEAD: "lead", BODY: "body", TAIL: "tail"}
    for span in run.spans:
        if span.kind in lengths:
            assert span.end - span.start == pytest.approx(getattr(shares[span.share], lengths[span.kind]))


def done_at(shares, run):
    """When each share's results are in SDRAM, for those that have any span."""
    found = {}
    for span in run.spans:
        key = span.share, span.period
        found[key] = max(found.get(key, 0.0), span.end)
    return found


@given(sets(), st.sampled_from([Bells(), BELLS, Bells(7.0, 40.0)]))
@settings(max_examples=100)
def test_more_periods_have_the_same_interval(made, bells):
    run = steady(*made, bells)
    assume(run.settled)
    longer = simulate(*made, bells, batches=96, spans=False)
    assert longer.interval == pytest.approx(run.interval)
    assert (longer.ends[-1] - longer.ends[47]) / 48 == pytest.approx(run.interval, abs=3.0)
    assert run.interval >= busiest(*made, bells) - 1e-6
    assert all(b >= -1e-6 for b in run.bubbles)
    assert run.interval * len(made[1]) == pytest.approx(sum(run.bubbles) + sum(run.busy))


@given(sets(own=True))
def test_workers_that_never_wait_take_the_closed_form(made):
    assert steady(*made).settled
    assert steady(*made).interval == pytest.approx(busiest(*made, Bells()))


@given(sets(workers=2, own=True), st.sampled_from([BELLS, Bells(7.0, 40.0), Bells(0.0, 150.0)]), st.data())
def test_workers_that_only_hear_a_silent_one_take_the_closed_form(made, bells, data):
    """Some shares ring a worker that is never in their way: it does nothing, and waits for all of them."""
    shares, order = made
    heard = data.draw(st.sets(st.sampled_from(range(len(shares)))))
    last = Share(len(shares), 0, TILES, 2, 1, 0.0, 0.0, 0.0, 0.0, 0, 0, tuple(Wait(n) for n in sorted(heard)))
    shares, order = (*shares, last), (*order, (last.number,))
    run = steady(shares, order, bells)
    assert run.settled
    assert run.interval == pytest.approx(busiest(shares, order, bells))


@given(
    st.lists(st.lists(st.tuples(CYCLES, CYCLES, CYCLES), min_size=1, max_size=4), min_size=1, max_size=5),
    st.sampled_from([Bells(), BELLS]),
    st.booleans(),
)
@settings(max_examples=150)
def test_barriers_take_the_closed_form(steps, bells, joined):
    shares, order = barrier(steps, joined)
    run = steady(shares, order, bells)
    assert run.settled
    assert run.interval == pytest.approx(barriers(shares, bells))
    assert run.latency == pytest.approx(run.interval)
    assert run.fill == pytest.approx(0, abs=1e-6)
    assert run.drain == pytest.approx(0, abs=1e-6)


def barrier(steps, joined=False):
    """Shares of which each waits for all of the step before; the first for the last of the period before."""
    shares, groups = [], []
    for stage, costs in enumerate(steps):
        groups.append([])
        for worker, (lead, body, tail) in enumerate(costs):
            step = JOIN if joined and stage % 2 else TILES
            groups[-1].append(len(shares))
            shares.append(Share(len(shares), stage, step, worker, 1, lead, body, tail, body, 0, 0))
    for stage, numbers in enumerate(groups):
        waits = tuple(Wait(n, int(stage == 0)) for n in groups[stage - 1])
        for n in numbers:
            shares[n] = Share(**{**vars(shares[n]), "waits": waits})
    workers = max(map(len, steps))
    return shares, [[s.number for s in shares if s.worker == w] for w in range(workers)]


def test_a_share_lays_out_the_dtcm_when_the_one_before_has_left_it():
    first = Share(0, 0, TILES, 0, 4, 10.0, 80.0, 5.0, 80.0, 0, 0)
    second = Share(1, 1, TILES, 0, 1, 30.0, 50.0, 5.0, 50.0, 0, 0)
    run = simulate([first, second], [[0, 1]], batches=1)
    spans = {(s.share, s.kind): (s.start, s.end) for s in run.spans}
    assert spans[0, LEAD] == (0.0, 10.0)
    assert spans[0, BODY] == (10.0, 90.0)
    assert spans[0, TAIL] == (90.0, 95.0)
    assert spans[1, LEAD] == (95.0, 125.0)
    assert spans[1, BODY] == (125.0, 175.0)
    assert run.ends == (180.0,)


def test_doorbells_cost_both_sides_and_keep_their_distance():
    a = Share(0, 0, TILES, 0, 1, 0.0, 10.0, 3.0, 10.0, 0, 0)
    b = Share(1, 1, TILES, 0, 1, 0.0, 10.0, 3.0, 10.0, 0, 0)
    c = Share(2, 0, TILES, 1, 1, 0.0, 1.0, 0.0, 1.0, 0, 0, (Wait(0),))
    d = Share(3, 1, TILES, 1, 1, 0.0, 1.0, 0.0, 1.0, 0, 0, (Wait(1),))
    shares, order = (a, b, c, d), ((0, 1), (2, 3))
    assert doorbell_counts(shares) == ((0, 0, 1, 1), (1, 1, 0, 0))
    run = simulate(shares, order, Bells(2.0, 0.0), batches=1)
    bodies = {s.share: s.start for s in run.spans if s.kind == BODY}
    # 10 cycles, 2 to ring, 3 to store, 2 to be rung; the next ring comes 15 later
    assert bodies == {0: 0.0, 1: 15.0, 2: 17.0, 3: 32.0}
    far = simulate(shares, order, Bells(2.0, 100.0), batches=1)
    assert {s.share: s.start for s in far.spans if s.kind == BODY}[3] == 15.0 + 100.0 + 2.0


def test_phases_hide_each_others_waits():
    steps = [[(0.0, 5.0, 5.0), (0.0, 15.0, 5.0)], [(0.0, 15.0, 5.0), (0.0, 5.0, 5.0)]]
    shares, order = barrier(steps)
    assert steady(shares, order).interval == pytest.approx(40.0)
    apart = [
        Share(**{**vars(s), "waits": tuple(Wait(w.share, 1) for w in s.waits)}) if s.stage else s
        for s in shares
    ]
    apart = [Share(**{**vars(s), "waits": ()}) if s.stage == 0 else s for s in apart]
    run = steady(apart, order, phases=[s.stage for s in apart])
    assert run.interval == pytest.approx(30.0)
    assert run.bubbles == pytest.approx((10.0, 10.0))  # the last transfers
    assert run.fill > 0


def test_a_large_period_has_every_worker_on_its_time_line():
    shares, order = barrier([[(10.0, 100.0, 10.0)] * 16] * 70)
    run = simulate(shares, order, BELLS, batches=4)
    lanes = groupby(sorted(run.spans, key=lambda s: s.lane), key=lambda s: s.lane)
    assert [lane for lane, _ in lanes] == list(range(16))
