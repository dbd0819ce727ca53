"""The random words of a box of a tensor: those that its elements have in the whole tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from spinntensor.formats.philox import Stochastic, philox
from spinntensor.lower.box import Span, sizes


@njit(cache=True, nogil=True)
def _at(seed: np.uint64, step: int, node: int, places: np.ndarray, out: np.ndarray) -> None:
    low, half, four = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(4)
    for i in range(places.size):
        g = np.uint64(places[i]) // four
        w = philox(g & low, np.uint64(step), np.uint64(node), g >> half, seed & low, seed >> half)
        out[i] = w[places[i] % 4]


def words_of(rounding: Stochastic, shape: Sequence[int], box: Sequence[Span]) -> np.ndarray:
    """uint32, flat: for each element of a box, row-major, the word that it has in a tensor of this shape."""
    places = np.zeros((), np.int64)
    for size, (start, stop) in zip(shape, box, strict=True):
        places = places[..., None] * size + np.arange(start, stop)
    flat = np.ascontiguousarray(np.broadcast_to(places, sizes(tuple(box)))).reshape(-1)
    out = np.empty(flat.size, np.uint32)
    _at(np.uint64(rounding.seed), rounding.step, rounding.node, flat, out)
    return out
