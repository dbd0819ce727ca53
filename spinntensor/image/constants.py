"""Bytes that a program reads and never writes: packed weights, tables, padding; equal ones lie in SDRAM once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from spinntensor.image.emit.action import Where
from spinntensor.plan.layout import DOUBLE


class Constants:
    """A pool of bytes in free spans of SDRAM, and without end behind them.

    Parameters
    ----------
    base : first address behind all that a plan keeps, a multiple of 8.
    free : (start, stop) of spans below it that may be used, multiples of 8.
    """

    def __init__(self, base: int, free: Iterable[tuple[int, int]] = ()) -> None:
        self.base = self.end = base
        self._free = sorted([start, stop] for start, stop in free)
        self._known: dict[bytes, int] = {}
        self.pieces: list[tuple[int, bytes]] = []

    def put(self, data: np.ndarray | bytes) -> Where:
        """The place of these bytes, zeros behind them up to a double word."""
        content = data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
        content += bytes(-len(content) % DOUBLE)
        key = hashlib.blake2b(content, digest_size=16).digest() + len(content).to_bytes(4, "little")
        if key not in self._known:
            self._known[key] = self._room(len(content))
            self.pieces.append((self._known[key], content))
        return Where(self._known[key])

    def reserve(self, nbytes: int) -> Where:
        """Room that the host writes, or that cores do: nothing lies there from the start."""
        return Where(self._room(nbytes))

    def zeros(self, nbytes: int) -> Where:
        """A place of its own that holds zeros before the first run."""
        at = self._room(nbytes)
        self.pieces.append((at, bytes(nbytes + -nbytes % DOUBLE)))
        return Where(at)

    def _room(self, nbytes: int) -> int:
        """The first span that so many bytes fit, or what lies behind everything."""
        nbytes += -nbytes % DOUBLE
        for span in self._free:
            if span[0] + nbytes <= span[1]:
                span[0] += nbytes
                return span[0] - nbytes
        self.end += nbytes
        return self.end - nbytes
