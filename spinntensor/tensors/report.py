"""What happened to numbers on the way - overflow, saturation, lost range - brought to the user, never dropped.

Outside `counting` each occurrence is a `NumericWarning`, which Python's filters show, silence or turn into an
error; inside, it is added to a record. Elements that a conversion rounds to 0 are ordinary, and only recorded.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from spinntensor.errors import NumericWarning
from spinntensor.graph.builder import outside

__all__ = ["Counts", "counting"]

WORDS = {
    "overflowed": "results overflowed their format",
    "nonfinite": "rows or columns of a product held infinity or NaN",
    "invalid": "results are NaN though no operand is",
    "saturated": "elements were clamped to the range of their format",
    "lost": "elements other than 0 became 0",
    "uncounted": "operations may have overflowed or clamped: cores count their padding too, or nothing",
}
"""What each count means."""


LOST = "lost"


class Counts:
    """Counts by (name, operation, source line), over all runs inside one `counting`."""

    def __init__(self) -> None:
        self.entries: Counter[tuple[str, str, str]] = Counter()

    def __getitem__(self, name: str) -> int:
        """The sum of all counts of this name, such as `saturated`; 0 when there was none."""
        if name not in WORDS:
            raise KeyError(f"no count is called {name!r}; there are {', '.join(WORDS)}")
        return sum(n for (what, _, _), n in self.entries.items() if what == name)

    def __str__(self) -> str:
        lines = [f"{n:,} {WORDS[name]}: {op} at {at or '?'}" for (name, op, at), n in self.entries.items()]
        return "\n".join(lines) or "nothing to report"


_current: ContextVar[Counts | None] = ContextVar("counts", default=None)


@contextmanager
def counting() -> Iterator[Counts]:
    """Collect counts in place of warnings: `with st.counting() as counts: ...; print(counts)`."""
    counts = Counts()
    token = _current.set(counts)
    try:
        yield counts
    finally:
        _current.reset(token)


def report(happened: Iterable[tuple[str, str, Mapping[str, int]]]) -> None:
    """Tell the counts of one run: (operation, source line, counts) of each node where there are any."""
    record = _current.get()
    for op, source, found in happened:
        for name, n in found.items():
            if record is not None:
                record.entries[name, op, source] += n
            elif name != LOST:
                _warn(NumericWarning(name, n, op, source, WORDS[name]))


def _warn(warning: NumericWarning) -> None:
    """A warning at the line of the user's program that asked for the value."""
    frame = outside()
    if frame is None:
        warnings.warn(warning, stacklevel=2)
        return
    seen = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(warning, NumericWarning, frame.f_code.co_filename, frame.f_lineno, registry=seen)
