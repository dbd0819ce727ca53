"""A trace: a function runs on placeholders, and the variables it reads and assigns are noted, not changed."""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

from spinntensor.graph.builder import caller
from spinntensor.tensors.expression import Expression, now, placeholder


@dataclass
class State:
    """A variable inside a trace: the placeholder of what it held before, and what it holds now."""

    variable: Any
    before: Expression
    now: Expression


class Trace:
    """`with Trace() as trace:` around the call of the user's function.

    first : expressions made before this order belong to the world outside.
    states : the variables that were read or assigned, by identity, in order.
    """

    def __init__(self) -> None:
        self.states: dict[int, State] = {}
        self._token: Token[Trace | None] | None = None

    def __enter__(self) -> Trace:
        self.outer = _current.get()
        self._token = _current.set(self)
        self.first = now()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _current.reset(self._token)

    def state(self, variable: Any) -> State:
        """What is known of a variable here; it gets a placeholder when it is first seen."""
        found = self.states.get(id(variable))
        if found is None:
            stands_for = placeholder(variable.type, caller())
            found = self.states[id(variable)] = State(variable, stands_for, stands_for)
        return found


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace | None:
    """The innermost trace that is open, or None."""
    return _current.get()
