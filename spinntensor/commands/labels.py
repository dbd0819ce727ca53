"""Results as people read them: the classes with the highest scores, and their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinntensor.errors import InputError


@dataclass(frozen=True)
class Guess:
    """One of the most likely classes of an input.

    class_ : its number.    label : its name.    score : its probability.
    """

    class_: int
    label: str
    score: float


def best(scores: np.ndarray, names: Sequence[str], count: int) -> list[Guess]:
    """The `count` classes of the highest scores, the lower number first among equals.

    scores : of one input, [classes].    names : of the classes.
    """
    order = np.argsort(-scores, kind="stable")[:count]
    return [Guess(int(i), names[i], float(scores[i])) for i in order]


def read_labels(path: str, count: int) -> tuple[str, ...]:
    """Names of classes from a text file, a line for each; InputError unless there are `count` lines."""
    try:
        with open(path, encoding="utf-8") as file:
            names = tuple(line.strip() for line in file.read().rstrip("\n").split("\n"))
    except UnicodeDecodeError:
        raise InputError(path, "it is not a text in UTF-8", "write one name on each line") from None
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "check the path") from None
    if len(names) != count:
        reason = f"it has {len(names):,} lines, the network {count:,} classes"
        raise InputError(path, reason, "write one name on each line")
    return names


def numbered(count: int) -> tuple[str, ...]:
    """Names for classes that have none."""
    return tuple(f"class {i}" for i in range(count))
