"""The Chrome trace holds every span, in microseconds, on threads whose events do not overlap."""

import json
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan.made import made

from spinntensor.errors import OutputError
from spinntensor.machine.facts import facts
from spinntensor.report.plan_figures import waited
from spinntensor.report.plan_trace import trace, write

PLAN = made(seed=6, blocks=2, workers=3)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.integers(1, 5))
def test_events(seed, workers):
    plan = made(seed, 1, workers)
    events = trace(plan)["traceEvents"]
    complete = [e for e in events if e["ph"] == "X"]
    assert len(complete) == len(plan.spans)
    assert sum(e["dur"] for e in complete) == pytest.approx(sum(s.end - s.start for s in plan.spans) / 200)
    threads = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"}
    lanes = defaultdict(list)
    for event in complete:
        assert event["dur"] >= 0 and (event["pid"], event["tid"]) in threads
        lanes[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    for spans in lanes.values():
        spans.sort()
        assert all(b[0] >= a[1] - 1e-6 for a, b in pairwise(spans))


def test_names_and_waiting():
    events = trace(PLAN)["traceEvents"]
    names = [e["args"]["name"] for e in events if e["ph"] == "M" and "name" in e["args"]]
    assert {"host's link", "chip 0,0", "worker 2, core 3"} <= set(names)
    assert {e["name"] for e in events if e["ph"] == "X"} == {one.name for one in PLAN.layers} | {
        "input",
        "output",
        "doorbells",
    }
    told = [e for e in events if "waited for" in e["args"]]
    assert len(told) == len(waited(PLAN))
    assert "the host's inputs of period 0" in {e["args"]["waited for"] for e in told}


def test_the_clock_is_that_of_the_machine():
    half = facts().with_(clock_hz=100_000_000)
    fast, slow = (sum(e.get("dur", 0) for e in trace(PLAN, f)["traceEvents"]) for f in (None, half))
    assert slow == pytest.approx(2 * fast)


def test_file(tmp_path):
    write(PLAN, str(tmp_path / "trace.json"))
    assert json.loads((tmp_path / "trace.json").read_text()) == trace(PLAN)
    with pytest.raises(OutputError):
        write(PLAN, str(tmp_path))
