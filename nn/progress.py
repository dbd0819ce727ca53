"""A progress bar for what takes longer than two seconds; quiet where standard error is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from spinntensor.machine.watch import Standing, watching

__all__ = ["Bar", "progressing"]

PATIENCE = 2.0
"""Seconds after which a bar appears."""

T = TypeVar("T")


class Bar:
    """A bar on standard error, beside it what a machine says of its runs.

    Parameters
    ----------
    label : what is done, in front of the bar.
    total : number of items, None if nobody knows.
    shown : True from the first item on, None after two seconds.
    """

    def __init__(self, label: str, total: int | None, shown: bool | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(None),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[machine]}"),
        )
        console = Console(stderr=True, force_terminal=shown)
        self._bar = Progress(*columns, console=console, transient=True, expand=True)
        self._task = self._bar.add_task(label, total=total, machine="")
        self._start, self._patience = monotonic(), 0.0 if shown else PATIENCE
        self._images, self._ms = 0, 0.0
        self._last = Standing(0, 0.0, 0.0, 0)

    def show(self) -> bool:
        """Put it on the terminal once its time has come; whether it is there."""
        if not self._bar.live.is_started and monotonic() - self._start >= self._patience:
            self._bar.start()
        return self._bar.live.is_started

    def move(self, completed: int, label: str | None = None) -> None:
        """So many items are done."""
        self._bar.update(self._task, completed=completed, description=label)

    def told(self, standing: Standing) -> None:
        """Show images, model milliseconds and busy cores of this run and of those before."""
        if not standing.model_ms:
            self._images, self._ms = self._images + self._last.images, self._ms + self._last.model_ms
        self._last = standing
        if self.show():
            images, ms = self._images + standing.images, self._ms + standing.model_ms
            words = f"{images:,} image{'s' if images != 1 else ''}, {ms:,.0f} model ms"
            busy = f"{standing.busy:.0f}/{standing.cores} cores busy"
            self._bar.update(self._task, machine=f"{words}, {busy}")

    def print(self, line: str) -> None:
        """A line above the bar."""
        self._bar.console.print(line, highlight=False)

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def progressing(items: Iterable[T], total: int | None, label: str, shown: bool | None = None) -> Iterator[T]:
    """The items, one by one, while a bar on standard error counts them.

    Parameters
    ----------
    total : number of items, None if nobody knows.
    label : what is done, in front of the bar.
    shown : True from the first item on, False never, None after two seconds if standard error is a terminal.
    """
    if shown is None and sys.stderr.isatty():
        return _counted(items, total, label, None)
    return _counted(items, total, label, True) if shown else iter(items)


def _counted(items: Iterable[T], total: int | None, label: str, shown: bool | None) -> Iterator[T]:
    bar = Bar(label, total, shown)
    try:
        for done, item in enumerate(_watched(items, bar), 1):
            bar.show()
            yield item
            bar.move(done)
    finally:
        bar.stop()


def _watched(items: Iterable[T], bar: Bar) -> Iterator[T]:
    """The items, while the bar hears of the runs that make them."""
    left = iter(items)
    while True:
        with watching(bar.told):
            try:
                item = next(left)
            except StopIteration:
                return
        yield item
