"""A way to compute a stage: tile sizes worth trying, and the recipe of a tile of each size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from spinntensor.lower.box import cut
from spinntensor.plan.recipe import Recipe

Sizes = tuple[int, ...]
"""Of a tile along each axis of the results, and along the sums where they are cut."""


@dataclass(frozen=True)
class Way:
    """One family of kernels for a stage.

    Parameters
    ----------
    name : the family, for people.
    sizes : for each axis (the sums last, where they may be cut), sizes of a tile worth trying, the largest first.
    operands : for each operand that is loaded, by its name in the recipes, the axes on which its box depends.
    recipes : of a tile of some sizes, where the named operands stay the same for all tiles of a worker: the quickest
        by each set of kernels that does it; () where none fits the DTCM.
    join : of joining the partial sums of a box of some sizes from so many parts; None where sums are not cut.
    units : multiples at which each axis is cut, where its kernels need larger ones than the stage does; () for none.
    orders : orders of the axes, slowest first, that are worth trying.
    alike : a recipe of a tile of some sizes whose constants are packed as those of a given recipe, so that they lie in
        SDRAM once for both; None where there is none, or for ways whose constants all recipes pack alike.
    """

    name: str
    sizes: tuple[tuple[int, ...], ...]
    operands: tuple[tuple[str, frozenset[int]], ...]
    recipes: Callable[[Sizes, frozenset[str]], tuple[Recipe, ...]]
    orders: tuple[tuple[int, ...], ...]
    join: Callable[[Sizes, int], Recipe | None] | None = None
    units: Sizes = ()
    alike: Callable[[Sizes, frozenset[str], Recipe], Recipe | None] | None = None

    def combinations(self) -> Iterator[Sizes]:
        """All sizes of a tile."""
        return product(*self.sizes)


def balanced(size: int, unit: int = 1, most: int | None = None) -> tuple[int, ...]:
    """The different sizes of the largest part when `size` is cut evenly into 1, 2, 3, ... parts at multiples of `unit`.

    The largest comes first; none is above `most`.
    """
    units = -(-size // unit)
    found = dict.fromkeys(min(size, -(-units // parts) * unit) for parts in range(1, units + 1))
    return tuple(s for s in found if most is None or s <= most) or (min(size, unit),)


def spans_of(size: int, tile: int, unit: int) -> tuple[tuple[int, int], ...]:
    """The spans of an axis whose largest tile has this size."""
    units = -(-size // unit)
    return cut(size, -(-units // max(1, -(-tile // unit))), unit)
