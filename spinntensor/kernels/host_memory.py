"""Memory of the host's products: how matrices lie, and room that chunks use in turn."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np


def is_turned(x: np.ndarray) -> bool:
    """Whether a stack of matrices lies in memory column by column."""
    return not x.flags.c_contiguous and x.swapaxes(-1, -2).flags.c_contiguous


class Rooms:
    """Arrays that the chunks of one product fill in turn: memory that is fresh from the system is slow to touch."""

    def __init__(self) -> None:
        self._flat: dict[tuple[str, Any], np.ndarray] = {}

    def room(self, name: str, shape: tuple[int, ...], kind: Any = np.float64) -> np.ndarray:
        """An array to be filled; it takes the place of the one that had this name and type."""
        size, flat = prod(shape), self._flat.get((name, kind))
        if flat is None or flat.size < size:
            flat = self._flat[name, kind] = np.empty(size, kind)
        return flat[:size].reshape(shape)
