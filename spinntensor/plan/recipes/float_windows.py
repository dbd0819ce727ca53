"""Recipes of float32 windows: maxima of pixels, channel by channel, and sums by the pairwise tree over a window.

Where a window has a power of two of columns and of rows, sums of neighbours are subtrees of several windows, and each
is made once: level by level of the whole tile, along the rows and then down the columns. Else each window has its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from spinntensor.plan.recipe import Call, Recipe
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions

ADD, MAX = "f32_add_rows", "f32_max"
Pair = tuple[int, int]


def _power(size: int) -> bool:
    return size & (size - 1) == 0


def shared(tile: Pair, window: Pair, c: int) -> list[Call]:
    """Levels of sums of the whole tile, in place."""
    (rows, columns), found = tile, []
    for step in (1 << i for i in range(window[1].bit_length() - 1)):
        columns -= step
        found.append(call(ADD, m=rows, n=columns * c))
    for step in (1 << i for i in range(window[0].bit_length() - 1)):
        rows -= step
        found.append(call(ADD, m=rows, n=columns * c))
    return found


def apart(out: Pair, window: Pair, c: int) -> list[Call]:
    """Pairs of positions level by level, for each window by itself."""
    left, found = window[0] * window[1], []
    while left > 1:
        found.append(call(ADD, out[0] * out[1], m=left // 2, n=c))
        left -= left // 2
    return found


@dataclass(frozen=True)
class Windows:
    """A tile of windows; sizes are (rows, columns).

    Parameters
    ----------
    out, window, stride : results, and what each is made of.
    image : rows and columns of x at most, its border excluded.
    c, held : channels of the tile, and in memory.
    """

    out: Pair
    window: Pair
    stride: Pair
    image: Pair
    c: int
    held: int

    @property
    def tile(self) -> Pair:
        """Rows and columns of x, border included."""
        rows, columns = ((n - 1) * s + k for n, s, k in zip(self.out, self.stride, self.window, strict=True))
        return rows, columns

    def recipe(self, name: str, calls: list[Call], *sizes: tuple[str, int, int]) -> Recipe:
        """A recipe with these calls: x arrives, what lies outside is filled, results leave."""
        inside = min(self.tile[0], self.image[0]), min(self.tile[1], self.image[1])
        border = self.tile[0] * self.tile[1] - inside[0] * inside[1]
        whole = self.c == self.held
        loads = (moved("x", 4 * inside[0] * inside[1] * self.c, inside[0] * (1 if whole else inside[1])),)
        count = self.out[0] * self.out[1]
        stores = (moved("y", 4 * count * self.c, 1 if whole and self.stride == (1, 1) else count),)
        fill = [call("fill_s32", rows=1, words=border * self.c)] if border else []
        return Recipe(name, regions(sizes), gathered([*fill, *calls]), loads, stores)


@lru_cache(1 << 12)
def sums(w: Windows, room: int = ROOM) -> tuple[Recipe, ...]:
    """Sums of windows; () where the tile does not fit."""
    nbytes, result = 4 * w.tile[0] * w.tile[1] * w.c, 4 * w.out[0] * w.out[1] * w.c
    half = 4 * -(-w.window[0] * w.window[1] // 2) * w.c
    name = "sums of windows"
    found = [
        w.recipe(name, apart(w.out, w.window, w.c), ("x", nbytes, 2), ("half", half, 1), ("y", result, 2))
    ]
    if _power(w.window[0]) and _power(w.window[1]):
        found.append(w.recipe(name, shared(w.tile, w.window, w.c), ("x", nbytes, 2)))
    return tuple(r for r in found if r.dtcm_bytes <= room)


@lru_cache(1 << 12)
def maxima(w: Windows, room: int = ROOM) -> tuple[Recipe, ...]:
    """Largest elements of windows, pixel by pixel; () where the tile does not fit."""
    nbytes, result = 4 * w.tile[0] * w.tile[1] * w.c, 4 * w.out[0] * w.out[1] * w.c
    taps = w.window[0] * w.window[1]
    calls = [call(MAX, w.out[0] * w.out[1] * max(1, taps - 1), n=w.c)]
    made = w.recipe("maxima of windows", calls, ("x", nbytes, 2), ("y", result, 2))
    return (made,) if made.dtcm_bytes <= room else ()
