"""Nested lists, tuples and dictionaries as a flat list of leaves and the structure that puts them back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LEAF = "*"
"""The structure of anything that is no container."""


def flatten(value: Any) -> tuple[list[Any], Any]:
    """The leaves from left to right, dictionaries by sorted key, and a hashable structure."""
    leaves: list[Any] = []
    return leaves, _flatten(value, leaves)


def _flatten(value: Any, leaves: list[Any]) -> Any:
    kind = type(value)
    if kind is tuple or kind is list:
        return kind, tuple([_flatten(v, leaves) for v in value])
    if kind is dict:
        keys = tuple(sorted(value))
        return dict, keys, tuple([_flatten(value[k], leaves) for k in keys])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return kind, tuple([_flatten(v, leaves) for v in value])
    leaves.append(value)
    return LEAF


def unflatten(structure: Any, leaves: Iterator[Any]) -> Any:
    """The value whose `flatten` gave `structure`, with other leaves."""
    if structure == LEAF:
        return next(leaves)
    kind, parts = structure[0], structure[-1]
    values = [unflatten(part, leaves) for part in parts]
    if kind is dict:
        return dict(zip(structure[1], values, strict=True))
    if kind is tuple or kind is list:
        return kind(values)
    return kind(*values)
