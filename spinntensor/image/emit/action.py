"""What a tile does on its core, in plain order: bytes arrive, kernels work on them, bytes leave.

An emitter writes the actions of a tile one after the other, as if nothing overlapped; `image.overlap` finds out what
may happen at the same time. Addresses in SDRAM count from the first byte that applications may have, as in a plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from spinntensor.plan.recipe import Region


class Where(NamedTuple):
    """A place in SDRAM: an address, a multiple of 8; `turn` names how it moves from batch to batch (0: not at all)."""

    address: int
    turn: int = 0

    def __add__(self, nbytes: int) -> Where:  # type: ignore[override]  # no tuples are joined here
        return Where(self.address + nbytes, self.turn)


class Spot(NamedTuple):
    """A place in the DTCM: `offset` bytes into a region.

    A region with several places is used in turn: by tile number t of its core in place (turn + turns * t) modulo the
    places. So the default alternates from tile to tile; what arrives in `n` parts within a tile has the number of the
    part as `turn`, and `n` as `turns`; `turns` 0 names one place for all tiles.

    Parameters
    ----------
    nbytes : that are read or written from there on; 0 for all to the end of the region's place.
    back : bytes before it that are read or written as well, by a kernel that goes backwards.
    """

    region: str
    offset: int = 0
    nbytes: int = 0
    turn: int = 0
    turns: int = 1
    back: int = 0


PLAIN, EXPONENT, SHIFT = "plain", "exponent", "shift"
"""What is made of a word when a kernel is called: itself; of the bits of a float32 without its sign, the exponent that
bfp16 has for this largest magnitude; of one or several of these, the shift to 13 bits of the tensor rounded by them."""
_FIRST, _LAST, _BIAS, _HALF = 16, 238, 141, 0x100
_LARGEST = (4095, 8190, 16381, 32763)
"""Largest mantissas that shifts of 0 to 3 take to 13 bits (`kernels.bfp16_round13_outer_u32.largest_for`)."""


@dataclass(frozen=True)
class Word:
    """A word of an argument record that is known only when the kernel is called: `add` more than what `conversion`
    makes of the word at `spot`, modulo 2**32.

    With w the word, taken without a sign:

    `PLAIN` : w.
    `EXPONENT` : ((w + 0x100) >> 23), at least 16 and at most 238, less 141. Of the bits of a float32 that is not
        negative that is the smallest e from -125 to 97 with round(x / 2**e) <= 32767 (`ops.convert.least_exponent`):
        the sum carries where the 24 bits of x round to 2**15.
    `SHIFT` : of all words at the spot (`spot.nbytes` of them), which are bits of such magnitudes x: how many of 4095,
        8190, 16381 and 32763 are less than the largest round(x / 2**e), half to even, e by `EXPONENT`.
    """

    spot: Spot
    conversion: str = PLAIN
    add: int = 0


def converted(conversion: str, *words: int) -> int:
    """What is made of a word, or of several; see `Word`."""
    if conversion == PLAIN:
        return words[0]
    if conversion == EXPONENT:
        return _exponent(words[0]) - _BIAS
    largest = max(map(_mantissa, words))
    return sum(largest > limit for limit in _LARGEST)


def _exponent(word: int) -> int:
    """With a bias of `_BIAS`."""
    return min(max((word + _HALF & 0xFFFFFFFF) >> 23, _FIRST), _LAST)


def _mantissa(word: int) -> int:
    """round(x / 2**e), half to even."""
    own = word >> 23
    bits = word & 0x7FFFFF | (0x800000 if own else 0)
    right = _exponent(word) - max(own, 1) + 9
    if right <= 0:
        return bits << -right
    return (bits + (1 << right - 1) - 1 + (bits >> right & 1)) >> right


class Fetch(NamedTuple):
    """`nbytes` (a multiple of 8) from SDRAM to the DTCM; `operand` says whose bytes they are."""

    operand: str
    source: Where
    to: Spot
    nbytes: int


@dataclass(frozen=True, eq=False)
class Step:
    """One kernel call: the fields of its argument record by name, pointers as `Spot`; tiles that are alike share it."""

    kernel: str
    words: Mapping[str, int | Spot | Word]


class Store(NamedTuple):
    """`nbytes` (a multiple of 8) from the DTCM to SDRAM."""

    operand: str
    source: Spot
    to: Where
    nbytes: int


Action = Fetch | Step | Store


@dataclass(frozen=True)
class TileCode:
    """A tile: the regions of its recipe, and what happens on them, in order."""

    name: str
    regions: tuple[Region, ...]
    actions: tuple[Action, ...]
