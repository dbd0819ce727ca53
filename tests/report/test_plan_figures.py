"""Figures that reports of a plan show agree with the plan, and with each other."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan.made import BELLS, made

from spinntensor.abi import memory
from spinntensor.errors import UnknownNameError
from spinntensor.machine.facts import facts
from spinntensor.plan.plan import BODY, DOORBELLS, INPUT, OUTPUT
from spinntensor.plan.recipes.parts import OPERANDS_AT
from spinntensor.report import plan_figures as figures

PLAN = made(seed=2, blocks=2, workers=3)


def test_the_map_of_the_dtcm_is_that_of_the_tile_engine():
    assert figures.ROOM == memory.STACK_LIMIT - OPERANDS_AT
    around = [nbytes for _, nbytes in (*figures.BELOW, *figures.ABOVE)]
    assert sum(around) + figures.ROOM == memory.DTCM_BYTES


def test_rows():
    rows = figures.rows(PLAN)
    assert [row.layer for row in rows] == list(PLAN.layers)
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert sum(row.nbytes for row in rows) == sum(s.loaded + s.stored for s in PLAN.shares)
    slow = figures.rows(PLAN, facts().with_(clock_hz=100_000_000))
    assert [row.ms for row in slow] == pytest.approx([2 * row.ms for row in rows])


def test_terms_of_a_planner_are_kept():
    layer = replace(PLAN.layers[0], terms={**PLAN.layers[0].terms, "interrupts": 7.0})
    found = figures.terms([layer, PLAN.layers[1]])
    assert tuple(found)[:5] == figures.TERMS and found["interrupts"] == 7
    assert sum(found.values()) == pytest.approx(
        sum(layer.terms.values()) + sum(PLAN.layers[1].terms.values())
    )


def test_layers_by_name():
    assert figures.layer_named(PLAN, "stem") is PLAN.layers[0]
    with pytest.raises(UnknownNameError, match="did you mean 'stem'"):
        figures.layer_named(PLAN, "stemm")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 99), st.integers(1, 2), st.integers(1, 5))
def test_waiting_fills_the_gaps_between_shares(seed, blocks, workers):
    """For each worker: first start to last end is computing and doorbells, plus what is told as waiting."""
    plan = made(seed, blocks, workers)
    waits = figures.waited(plan)
    steps = {INPUT: 0, OUTPUT: len(plan.shares) - 1}
    ends = {}
    for span in plan.spans:
        key = steps.get(span.kind, span.share), span.period
        ends[key] = max(span.end, ends.get(key, 0))
    told = 0
    for worker in range(workers):
        mine = [s for s in plan.spans if s.lane == worker and s.kind == BODY]
        gaps = sum(waits[s.share, s.period].cycles for s in mine if (s.share, s.period) in waits)
        busy = sum(s.end - s.start for s in plan.spans if s.lane == worker and s.kind in (BODY, DOORBELLS))
        assert gaps + busy == pytest.approx(max(s.end for s in mine))
        for span in mine:
            why = waits.get((span.share, span.period))
            if why and why.share is not None:
                other = ends[why.share, why.period]
                began = span.start - BELLS  # its doorbells come before its kernels
                assert began - why.cycles < other
                assert other == pytest.approx(began - plan.shares[span.share].lead)
                told += 1
                assert any(w.share == why.share for w in plan.shares[span.share].waits)
    first = min((s for s in plan.spans if s.kind == BODY), key=lambda s: s.start)
    assert waits[first.share, 0].share == 0 and told > 0, "the first share waits for the host"


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.integers(1, 60))
def test_busy_over_time_is_the_issue_of_all_shares(seed, bins):
    plan = made(seed, 1, 3, periods=2)
    width = max(span.end for span in plan.spans) / bins
    for worker, line in enumerate(figures.busy_over_time(plan, bins)):
        assert all(0 <= one <= 1 + 1e-9 for one in line)
        issue = 2 * sum(share.issue for share in plan.shares if share.worker == worker)
        assert width * sum(line) == pytest.approx(issue)


def test_busy_by_layer():
    grid = figures.busy_by_layer(PLAN)
    shares = {(s.worker, s.stage): s for s in PLAN.shares}
    for worker, line in enumerate(grid):
        for layer, busy in zip(PLAN.layers, line, strict=True):
            share = shares.get((worker, layer.stage))
            assert busy == (pytest.approx(share.issue / layer.cycles) if share else None)


def test_periods():
    assert figures.shown_period(PLAN) == 1
    bounds = figures.period_bounds(PLAN)
    assert len(bounds) == 3 and bounds[0] == 2e6 and bounds == sorted(bounds)
    assert figures.shown_period(replace(PLAN, spans=())) == 0


def test_bandwidths():
    base = facts()
    rates = figures.bandwidths(base, 16)
    assert [mb for mb, _ in rates] == [400, 600, 1000]
    assert dict(rates)[600] == pytest.approx(600e6 / 200e6 / 16)
    assert figures.bandwidths(base, 1)[-1][1] == pytest.approx(4 / 3)
    assert [mb for mb, _ in figures.bandwidths(base.with_(sdram_mb_per_s=500), 16)] == [500]
