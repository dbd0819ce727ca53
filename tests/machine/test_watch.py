"""Who watches is told how far a run has come: images, model time, busy cores."""

import numpy as np
import pytest
from chips import tiny, values

from spinntensor.machine import session
from spinntensor.machine.record import recording
from spinntensor.machine.session import Session
from spinntensor.machine.watch import Standing, tell, watching

pytest.importorskip("unicorn")


def test_a_run_tells_how_far_it_has_come(monkeypatch):
    monkeypatch.setattr(session, "SLICE", 20_000)
    made, graph = tiny()
    told = []
    with watching(told.append), recording() as runs:
        list(Session(made).run(values(graph, 3)))
    first, *rest = told
    assert first == Standing(0, 0.0, 0.0, len(made.workers))
    assert len(rest) > 3 and rest[-1].images == 3 * made.plan.batch
    for name in ("images", "model_ms"):
        assert (np.diff([getattr(one, name) for one in told]) >= 0).all()
    assert all(0 <= one.busy <= one.cores for one in told) and max(one.busy for one in rest) > 1
    ms = runs[0].model_cycles / made.sites.setting.facts.clock_hz * 1e3
    assert 0 < rest[-1].model_ms <= ms


def test_only_who_watches_is_told():
    told = []
    with watching(told.append):
        with watching(lambda standing: None):
            tell(Standing(1, 1.0, 1.0, 1))
        tell(Standing(2, 1.0, 1.0, 1))
    tell(Standing(3, 1.0, 1.0, 1))
    assert [one.images for one in told] == [2]
