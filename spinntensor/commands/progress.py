"""Says what is taking long: a line with a spinner on standard error, at a terminal, after two seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 2.0
"""Seconds after which the line appears."""


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """Show `words` while the body of the statement runs, if it takes long and somebody may be looking."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    status = Console(stderr=True).status(words)
    timer = threading.Timer(PATIENCE, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()
