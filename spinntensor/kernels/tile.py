"""A tile: kernels one after the other on one core's DTCM, as frozen values; who executes it is not said here.

A tile names regions of the DTCM, what arrives in them from outside (`Fetch`), which kernels work on them (`Step`),
and what leaves (`Store`). Microbenchmarks run its steps back to back; the tile engine's programs are made of the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class At:
    """A place in the DTCM: `offset` bytes into a region."""

    region: str
    offset: int = 0


@dataclass(frozen=True)
class Fetch:
    """Bytes that come from outside into the DTCM before the next step: an operand, or the next piece of one."""

    label: str
    to: At
    data: np.ndarray

    @property
    def nbytes(self) -> int:
        return self.data.nbytes


@dataclass(frozen=True)
class Step:
    """One kernel call: `words` are the fields of its argument record, pointers as `At`."""

    kernel: str
    words: Mapping[str, int | At]


@dataclass(frozen=True)
class Store:
    """Bytes that leave the DTCM when the steps before are done, as an array of this shape and type."""

    label: str
    source: At
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape)) * self.dtype.itemsize


@dataclass(frozen=True)
class Tile:
    """Regions (name -> bytes, multiples of 8) and what happens on them, in order."""

    name: str
    regions: Mapping[str, int]
    actions: tuple[Fetch | Step | Store, ...]

    @property
    def kernels(self) -> tuple[str, ...]:
        """The kernels used, each once, in order of first use."""
        return tuple(dict.fromkeys(a.kernel for a in self.actions if isinstance(a, Step)))

    def addresses(self, base: int) -> dict[str, int]:
        """Address of every region when they lie one behind the other from `base`."""
        out, at = {}, base
        for name, nbytes in self.regions.items():
            out[name] = at
            at += -(-nbytes // 8) * 8
        return out


def resolve(words: Mapping[str, int | At], addresses: Mapping[str, int]) -> dict[str, int]:
    """Argument words with every `At` turned into its address."""
    return {n: addresses[w.region] + w.offset if isinstance(w, At) else w for n, w in words.items()}
