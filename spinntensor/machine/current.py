"""Which machine computations run on, where nothing else is said: `with st.use("chip"):`; the host by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from spinntensor.machine.grammar import Host, Target, parse

__all__ = ["use"]


@dataclass(frozen=True)
class Label:
    """What is computed, in words, and how many samples at a time: for plans and records, it changes no result."""

    model: str = "graph"
    format: str = ""
    batch: int = 1


_label: ContextVar[Label] = ContextVar("label", default=Label())  # noqa: B039 - frozen
_current: ContextVar[Target] = ContextVar("machine", default=Host())  # noqa: B039 - frozen


def chosen(machine: str | Target | None = None) -> Target:
    """The machine that is meant: the one named, or the one in use."""
    if machine is None:
        return _current.get()
    return parse(machine) if isinstance(machine, str) else machine


@contextmanager
def use(machine: str | Target) -> Iterator[Target]:
    """Run all computations inside on this machine: `host`, `chip`, or what else the grammar of machines has.

    The bits are the same everywhere. Errors of `machine.grammar.parse`.
    """
    found = chosen(machine)
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)


def label() -> Label:
    """What is computed here."""
    return _label.get()


@contextmanager
def labelled(model: str, format: str, batch: int) -> Iterator[None]:
    """Say what is computed inside."""
    token = _label.set(Label(model, format, batch))
    try:
        yield
    finally:
        _label.reset(token)
