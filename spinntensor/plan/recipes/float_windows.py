"""Recipes of float32 windows: maxima of pixels, channel by channel, and sums by the pairwise tree over a window.

Where a window has a power of two of columns and of rows, sums of neighbours are subtrees of several windows, and each
is made once: level by level of the whole tile, along the rows and then down the columns. Else each window has its own
tree, and those of an output row are added up side by side. Maxima may be taken row by row first, of all columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from spinntensor.plan.recipe import Call, Recipe
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, up

ADD, MAX, COPY = "f32_add_rows", "f32_max", "copy_s32"
WORD = 4
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
    """The tree of each window by itself, those of an output row side by side."""
    return [call(ADD, out[0] * (window[0] * window[1] - 1), m=out[1], n=c)]


def reaches(size: int) -> tuple[int, ...]:
    """Distances at which an element and one behind it are joined until it holds the largest of `size` neighbours."""
    held, found = 1, []
    while held < size:
        found.append(min(held, size - held))
        held += found[-1]
    return tuple(found)


@dataclass(frozen=True)
class Windows:
    """A tile of windows; sizes are (rows, columns).

    Parameters
    ----------
    out, window, stride : results, and what each is made of.
    image : rows and columns of x.
    c, held : channels of the tile, and in memory.
    padding : rows (above, below), and columns (left, right), around the image.
    wide : whether the tile's output rows are whole.
    """

    out: Pair
    window: Pair
    stride: Pair
    image: Pair
    c: int
    held: int
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    wide: bool = True

    @property
    def tile(self) -> Pair:
        """Rows and columns of x, border included."""
        rows, columns = ((n - 1) * s + k for n, s, k in zip(self.out, self.stride, self.window, strict=True))
        return rows, columns

    @property
    def pixel(self) -> int:
        """Bytes of a pixel, padding included, which is computed with."""
        return up(WORD * self.c)

    @property
    def border(self) -> int:
        """Pixels outside the image at most."""
        sizes = zip(self.tile, self.image, self.padding, strict=True)
        rows, columns = (size - min(size, max(*around, size - image)) for size, image, around in sizes)
        return self.tile[0] * self.tile[1] - rows * columns

    def recipe(self, name: str, kind: str, calls: list[Call], scratch: int = 0) -> Recipe:
        """A recipe with these calls: x arrives with what lies around it, results leave; `kind` of these calls."""
        rows, columns = (min(size, image) for size, image in zip(self.tile, self.image, strict=True))
        whole = self.c == self.held
        count = self.out[0] * self.out[1]
        loads = [moved("x", rows * columns * self.pixel, rows * (1 if whole else columns))]
        if self.border:
            loads.append(moved("border", self.border * self.pixel, self.tile[0] + 1))
        pieces = count if not whole else 1 if self.wide else self.out[0]
        sizes = (
            ("x", self.tile[0] * self.tile[1] * self.pixel, 2),
            ("scratch", scratch, 1),
            ("y", count * self.pixel, 2),
        )
        stores = (moved("y", count * self.pixel, pieces),)
        return Recipe(name, regions(sizes), gathered(calls), tuple(loads), stores, detail=(("kind", kind),))

    def copied(self) -> Call:
        """Results that lie between others put side by side."""
        return call(COPY, words=self.pixel // WORD, rows=self.out[1], planes=self.out[0])


SHARED, APART, ROWS = "shared", "apart", "rows"
"""Kinds: levels of the whole tile; each window by itself; rows joined before columns."""


@lru_cache(1 << 12)
def sums(w: Windows, room: int = ROOM) -> tuple[Recipe, ...]:
    """Sums of windows; () where the tile does not fit."""
    name, words, taps = "sums of windows", w.pixel // WORD, w.window[0] * w.window[1]
    found = []
    if taps > 1:
        scratch = max(0, (taps - 1).bit_length() - 1) * w.out[1] * w.pixel
        found.append(w.recipe(name, APART, apart(w.out, w.window, words), scratch))
    if _power(w.window[0]) and _power(w.window[1]):
        found.append(w.recipe(name, SHARED, [*shared(w.tile, w.window, words), w.copied()]))
    return tuple(r for r in found if r.dtcm_bytes <= room)


@lru_cache(1 << 12)
def maxima(w: Windows, room: int = ROOM) -> tuple[Recipe, ...]:
    """Largest elements of windows, pixel by pixel or row by row; () where the tile does not fit."""
    name, words, taps = "maxima of windows", w.pixel // WORD, w.window[0] * w.window[1]
    columns = w.tile[1]
    calls = [call(MAX, w.out[0] * (w.window[0] - 1), n=columns * words)]
    for step in reaches(w.window[1]):
        columns -= step
        calls.append(call(MAX, w.out[0], n=columns * words))
    found = [w.recipe(name, ROWS, [*calls, w.copied()])]
    if taps > 1:
        found.append(w.recipe(name, APART, [call(MAX, w.out[0] * w.out[1] * (taps - 1), n=words)]))
    return tuple(r for r in found if r.dtcm_bytes <= room)
