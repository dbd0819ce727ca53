"""The Chrome trace of a run holds every share, in microseconds; events of a thread lie in or behind each other."""

import json
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan.made import CLOCK
from report.made_run import made_json

from spinntensor.errors import OutputError
from spinntensor.report.run_figures import run
from spinntensor.report.run_trace import DMA, DOORBELLS, trace, write

RUN = run(made_json(workers=3)["runs"][0])


@settings(max_examples=8)
@given(st.integers(0, 99), st.integers(1, 4))
def test_events(seed, workers):
    found = run(made_json(seed=seed, blocks=1, workers=workers)["runs"][0])
    events = [e for e in trace([found, found])["traceEvents"] if e["ph"] == "X"]
    shares = [e for e in events if e["cat"] != "wait"]
    assert len(shares) == 2 * len(found.taken)
    for name, cycles in (
        (DOORBELLS, sum(t.ready - t.start for t in found.taken)),
        (DMA, sum(t.dma for t in found.taken)),
    ):
        assert sum(e["dur"] for e in events if e["name"] == name) == pytest.approx(2e6 * cycles / CLOCK)
    threads = defaultdict(list)
    for e in events:
        assert e["dur"] >= 0
        threads[e["pid"], e["tid"]].append((e["ts"], -e["dur"]))
    for spans in threads.values():
        ends: list[float] = []
        for start, length in sorted(spans):
            while ends and ends[-1] <= start + 1e-6:
                ends.pop()
            assert not ends or start - length <= ends[-1] + 1e-6
            ends.append(start - length)


def test_names_and_figures():
    events = trace([RUN])["traceEvents"]
    names = {e["args"]["name"] for e in events if e["ph"] == "M" and "name" in e["args"]}
    assert names == {f"run 1: {RUN.name}", "worker 0, core 1", "worker 1, core 2", "worker 2, core 3"}
    one = next(e for e in events if e["name"] == "stem")
    t = RUN.taken[0]
    assert one["args"] == {
        "layer": "stem", "share": t.share, "period": 0, "cycles": t.end - t.ready,
        "computing": t.end - t.ready - t.dma, "DMA wait": t.dma, "calls": t.calls, "moves": t.moves,
    }  # fmt: skip


def test_runs_follow_each_other():
    starts = [
        min(e["ts"] for e in trace([RUN, RUN])["traceEvents"] if e.get("pid") == i and "ts" in e)
        for i in (0, 1)
    ]
    assert starts[0] == 0 and starts[1] >= 1e6 * RUN.model_cycles / CLOCK


def test_file(tmp_path):
    write([RUN], str(tmp_path / "trace.json"))
    assert json.loads((tmp_path / "trace.json").read_text()) == trace([RUN])
    with pytest.raises(OutputError):
        write([RUN], str(tmp_path))
