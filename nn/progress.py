"""A progress bar for what takes longer than two seconds; quiet where standard error is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

__all__ = ["progressing"]

PATIENCE = 2.0
"""Seconds after which a bar appears."""

T = TypeVar("T")


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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True, force_terminal=shown), transient=True)
    task = bar.add_task(label, total=total)
    start, patience = monotonic(), 0.0 if shown else PATIENCE
    try:
        for item in items:
            if not bar.live.is_started and monotonic() - start >= patience:
                bar.start()
            yield item
            bar.advance(task)
    finally:
        bar.stop()
