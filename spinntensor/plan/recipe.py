"""A recipe: what one tile costs a core - room in the DTCM, kernel calls, transfers - without any data.

Recipes are made from sizes alone, by the rules by which `spinntensor.kernels` builds the real tiles; tests hold the two
to each other, byte for byte and call for call.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from spinntensor.kernels import kernel as kernel_named
from spinntensor.kernels.estimate import estimate

STREAM, X_STREAM = "stream", "x stream"
"""Names of operands that arrive in parts while the tile computes: weights, and an input in blocks of channels."""
STREAMS = (STREAM, X_STREAM)


@dataclass(frozen=True)
class Region:
    """A part of the DTCM: bytes (a multiple of 8) of one place, and how many places it has (2: even and odd tiles)."""

    name: str
    nbytes: int
    places: int = 1

    @property
    def total(self) -> int:
        return self.nbytes * self.places


@dataclass(frozen=True)
class Call:
    """`count` calls of a kernel on the same shape, given as sorted (name, size) pairs."""

    kernel: str
    shape: tuple[tuple[str, int], ...]
    count: int = 1

    @property
    def cycles(self) -> float:
        """Model cycles of all of them, by the kernel's estimator."""
        return self.count * call_cycles(self.kernel, self.shape)


@lru_cache(1 << 18)
def call_cycles(kernel: str, shape: tuple[tuple[str, int], ...]) -> float:
    """Model cycles of one call."""
    return estimate(kernel_named(kernel), dict(shape))


@dataclass(frozen=True)
class Transfer:
    """`pieces` DMA transfers of together `nbytes` between SDRAM and DTCM.

    `operand` says whose bytes they are: `x`, `w` and so on; an operand whose box is that of the tile before on the same
    core is not fetched again, where its region has one place. Stores are always done.

    `parts` : of a tile that is computed in blocks, how many of these it moves with: the first part arrives before, the
    last one leaves behind, the others pass while the tile computes.
    """

    operand: str
    nbytes: int
    pieces: int = 1
    parts: int = 1


@dataclass(frozen=True)
class Recipe:
    """One way to compute one tile.

    Parameters
    ----------
    kernel : the way, for people, such as `conv2d 3x3 im2col` or `winograd 2x4`.
    regions : the DTCM, in the order in which they lie.
    calls : of kernels, in order, equal ones counted.
    loads, stores : transfers before and behind.
    macs : logical multiply-accumulates.
    packed : bytes of the stage's constants in SDRAM as this recipe wants them (packed or transformed offline); 0 where
        it reads values only.
    detail : sizes that say which real tile it is, such as (("chunk", (1, 3, 64)), ("group", 4)).
    """

    kernel: str
    regions: tuple[Region, ...]
    calls: tuple[Call, ...]
    loads: tuple[Transfer, ...]
    stores: tuple[Transfer, ...]
    macs: int = 0
    packed: int = 0
    detail: tuple[tuple[str, object], ...] = ()

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Recipes are keys of many tables: their hash is made once."""
        return hash((self.kernel, self.regions, self.calls, self.loads, self.stores, self.detail))

    @property
    def dtcm_bytes(self) -> int:
        """Bytes of all regions, all places counted."""
        return sum(region.total for region in self.regions)

    @property
    def code(self) -> tuple[str, ...]:
        """Names of the kernels that its calls need in the ITCM, each once."""
        return tuple(dict.fromkeys(call.kernel for call in self.calls))
