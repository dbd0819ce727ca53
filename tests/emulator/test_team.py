"""Threads that run in rounds: order, turns, errors."""

from __future__ import annotations

import time

import pytest

from spinntensor.emulator import team
from spinntensor.emulator.team import Team


class Runner:
    def __init__(self, work):
        self.work, self.executed = work, 0

    def run_until(self, horizon):
        self.executed += 1_000_000
        self.work(horizon)


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(team, "_WORTH", 0.0)
    monkeypatch.setattr(team, "_SHARE", 0.0)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_every_runner_runs_once_per_round(threads):
    seen: list[tuple[int, int]] = []
    runners = [Runner(lambda horizon, n=n: seen.append((n, horizon))) for n in range(9)]
    crew = Team(threads)
    for horizon in range(30):
        crew.run(runners, horizon)
        assert sorted(seen) == [(n, horizon) for n in range(9)]
        seen.clear()


@pytest.mark.parametrize("threads", [1, 3])
def test_turns_keep_the_order(threads):
    order: list[int] = []
    crew = Team(threads)

    def work(n):
        def run(_horizon):
            time.sleep(0.001 * (5 - n))
            crew.wait_for(n)
            order.append(n)

        return run

    runners = [Runner(work(n)) for n in range(5)]
    for _ in range(5):
        crew.run(runners, 0)
    assert order == list(range(5)) * 5


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_raised_when_all_have_stopped(threads):
    seen: list[int] = []

    def fail(_horizon):
        raise RuntimeError("broken")

    crew = Team(threads)
    runners = [Runner(fail), *(Runner(lambda h, n=n: seen.append(n)) for n in range(3))]
    for _ in range(3):
        with pytest.raises(RuntimeError, match="broken"):
            crew.run(runners, 0)
    assert len(seen) == 9
    with pytest.raises(ValueError, match="at least 1"):
        Team(0)
