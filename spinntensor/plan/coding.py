"""Frozen records as plain JSON values and back, by the types of their fields.

Equal records give equal JSON, whatever kinds of numbers they hold: a field of type float gets a float, one of type int
an int. What is read is checked against the types, and what does not fit is named by its place, such as
`layers[3].cut.sums`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, get_args, get_origin, get_type_hints


class CodingError(ValueError):
    """A JSON value that is no such record.

    Parameters
    ----------
    place : str
        Where it stands, such as `layers[3].cut`.
    received, expected : str
        What is there, and what was to be.
    """

    def __init__(self, place: str, received: str, expected: str) -> None:
        super().__init__(place, received, expected)
        self.place = place
        self.received = received
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.place} is {self.received}, expected {self.expected}"


@lru_cache(maxsize=64)
def hints(record: type) -> Mapping[str, Any]:
    """Fields of a dataclass in order, with their types."""
    found = get_type_hints(record)
    return {f.name: found[f.name] for f in fields(record)}


def encode(value: Any, kind: Any, packed: bool = False) -> Any:
    """`value`, of type `kind`, as JSON; records are objects, or, `packed`, lists of their fields in order.

    Raises OverflowError for a float that is not finite, which JSON cannot hold.
    """
    if is_dataclass(kind):
        made = {name: encode(getattr(value, name), one, packed) for name, one in hints(kind).items()}  # type: ignore[arg-type]
        return list(made.values()) if packed else made
    if get_origin(kind) is tuple:
        return [encode(one, of, packed) for one, of in zip(value, _members(kind, len(value)), strict=True)]
    if get_origin(kind) is Mapping:
        of = get_args(kind)[1]
        return {key: encode(one, of, packed) for key, one in value.items()}
    if kind is int:
        return operator.index(value)
    if kind is float:
        if not math.isfinite(value):
            raise OverflowError(f"a plan holds {value}, which JSON cannot; give a finite number")
        return float(value)
    if kind is object:
        return [encode(one, object) for one in value] if isinstance(value, tuple) else value
    return value


def decode(data: Any, kind: Any, place: str) -> Any:
    """The value of type `kind` that was encoded, packed or not; CodingError when `data` is none."""
    if is_dataclass(kind):
        return kind(**_record(data, hints(kind), place))  # type: ignore[arg-type,operator]
    if get_origin(kind) is tuple:
        _check(data, list, "a list", place)
        members = _members(kind, len(data))
        if len(members) != len(data):
            raise CodingError(place, f"a list of {len(data)}", f"a list of {len(members)}")
        return tuple(
            decode(one, of, f"{place}[{i}]") for i, (one, of) in enumerate(zip(data, members, strict=True))
        )
    if get_origin(kind) is Mapping:
        _check(data, dict, "an object", place)
        of = get_args(kind)[1]
        return {key: decode(one, of, f"{place}.{key}") for key, one in data.items()}
    if kind is object:
        return tuple(decode(one, object, place) for one in data) if isinstance(data, list) else data
    words = {int: "a whole number", float: "a number", str: "text"}
    _check(data, (int, float) if kind is float else kind, words[kind], place)
    return kind(data)


def _members(kind: Any, count: int) -> tuple[Any, ...]:
    """Types of the members of a tuple type, of which `count` are there."""
    of = get_args(kind)
    return of[:1] * count if of[-1:] == (Ellipsis,) else of


def _record(data: Any, kinds: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Fields of a record, from an object or from a packed list."""
    if isinstance(data, list) and len(data) == len(kinds):
        data = dict(zip(kinds, data, strict=True))
    _check(data, dict, f"an object with {', '.join(kinds)}", place)
    lacking = [name for name in kinds if name not in data]
    if lacking:
        raise CodingError(place or "the file", f"without {', '.join(lacking)}", f"all of {', '.join(kinds)}")
    return {name: decode(data[name], of, f"{place}.{name}" if place else name) for name, of in kinds.items()}


def _check(data: Any, kind: Any, expected: str, place: str) -> None:
    if not isinstance(data, kind) or isinstance(data, bool):
        words = "nothing" if data is None else repr(data)
        raise CodingError(place, words if len(words) < 60 else f"{words[:56]}...", expected)
