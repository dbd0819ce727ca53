"""Threads that run cores side by side, each core once per round, in order; without the cost of a pool.

Threads hand the interpreter lock to each other whenever a core starts or stops, or reaches a device. Where cores
execute few instructions between, that takes longer than it saves, and the caller runs them alone: the result is
the same.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import count
from time import perf_counter
from typing import Protocol

_INSTRUCTION = 6e-9  # seconds, in kernels with short blocks
_WORTH = 25e-6  # seconds of instructions of a runner in a round that make helpers worth it
_SHARE = 0.4  # of a runner's time that must be instructions


class Runner(Protocol):
    """What a team runs."""

    @property
    def executed(self) -> int:
        """Instructions so far."""

    def run_until(self, horizon: int) -> None:
        """Run until this time."""


class Team:
    """So many threads, the caller's included.

    Runners are taken in order, so when one waits for those before it, the first of those runs or has run.
    """

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"{threads} threads; expected at least 1")
        self._helpers = threads - 1
        self._started = False
        self._go = [threading.Semaphore(0) for _ in range(self._helpers)]
        self._done = threading.Semaphore(0)
        self._runners: Sequence[Runner] = ()
        self._horizon = 0
        self._next = count()
        self._finished: list[bool] = []
        self._turn = threading.Condition()
        self._waiting = 0
        self._errors: list[BaseException] = []
        self._taken = self._native = 0.0  # seconds that a runner took lately, and those of its instructions
        self._helps = False

    def run(self, runners: Sequence[Runner], horizon: int) -> None:
        """Give every runner its time; the first error is raised when all have stopped."""
        self._runners, self._horizon, self._next = runners, horizon, count()
        self._finished, self._errors = [False] * len(runners), []
        helpers = min(self._helpers, len(runners) - 1) if self._helps else 0
        begin, before = perf_counter(), sum(runner.executed for runner in runners)
        if helpers > 0 and not self._started:
            self._start()
        for go in self._go[:helpers]:
            go.release()
        self._work()
        for _ in range(helpers):
            self._done.acquire()
        self._taken += ((perf_counter() - begin) * (helpers + 1) / len(runners) - self._taken) / 8
        executed = sum(runner.executed for runner in runners) - before
        self._native += (executed * _INSTRUCTION / len(runners) - self._native) / 8
        self._helps = self._native > max(_WORTH, _SHARE * self._taken)
        if self._errors:
            raise self._errors[0]

    def wait_for(self, index: int) -> None:
        """Return when all runners before this one have finished their round."""
        finished = self._finished
        if all(finished[:index]):
            return
        with self._turn:
            self._waiting += 1  # before it looks again: whoever finishes after that look notifies
            self._turn.wait_for(lambda: all(finished[:index]))
            self._waiting -= 1

    def _start(self) -> None:
        self._started = True
        for go in self._go:
            threading.Thread(target=self._help, args=(go,), daemon=True).start()

    def _help(self, go: threading.Semaphore) -> None:
        while True:
            go.acquire()
            self._work()
            self._done.release()

    def _work(self) -> None:
        runners, finished = self._runners, self._finished
        while (index := next(self._next)) < len(runners):
            try:
                runners[index].run_until(self._horizon)
            except BaseException as error:
                self._errors.append(error)
            finally:
                finished[index] = True
                if self._waiting:
                    with self._turn:
                        self._turn.notify_all()
