"""How far a run on a machine has come, told to whoever watches: `with watching(show): ...`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["Standing", "tell", "watching"]


@dataclass(frozen=True)
class Standing:
    """Where a run stands.

    Parameters
    ----------
    images : done.
    model_ms : since the first batch was let in; 0 when a run begins.
    busy : cores that executed, as a mean since the last time it was told; the others slept.
    cores : that work at all.
    """

    images: int
    model_ms: float
    busy: float
    cores: int


Watcher = Callable[[Standing], None]
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(show: Watcher) -> Iterator[None]:
    """Have `show` called, as long as the body runs, whenever a run on a machine has come further."""
    token = _watcher.set(show)
    try:
        yield
    finally:
        _watcher.reset(token)


def tell(standing: Standing) -> None:
    """Say how far a run has come, if anyone watches."""
    show = _watcher.get()
    if show is not None:
        show(standing)
