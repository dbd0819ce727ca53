"""Recipes of reading and adding by an index, with kernels that know no index: each element is compared with it.

An index is taken from the numbers of a tile's elements; where nothing is left the element is meant, and is chosen. That
is exact, and takes as many steps as there are elements for each index: it is for labels and small tables. How many are
meant is counted: an index outside is then seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from spinntensor.plan.recipe import Call, Recipe, Transfer
from spinntensor.plan.recipes.lines import Lines
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, up

MOST = 1 << 22
"""Comparisons of a tile at most."""
WORD = 4


@dataclass(frozen=True)
class Indexed:
    """A tile: `count` indices into `n` words; how what is read or added, the indices and the results lie in SDRAM."""

    n: int
    count: int
    x: Lines
    index: Lines
    y: Lines


def _meant(n: int, count: int) -> list[Call]:
    """For `count` indices, which of n elements they mean: as bytes 0 and 1, which also choose, and are counted."""
    return [
        call("eltwise_sub_s32", count, n=n),
        call("f32_from_s32", count, n=n),
        call("f32_equal", count, n=n),
        call("select_s32", count, n=n),
        call("reduce_sum_s8", count, m=1, n=n),
    ]


def _cleared(n: int) -> list[Call]:
    """A word of 0, and bytes behind those that say what is meant."""
    return [call("fill_s32", rows=1, words=words) for words in (up(n) // WORD, 2)]


def _whole(lines: Lines) -> tuple[int, int]:
    """All elements of a value of one group."""
    return 0, lines.step * lines.count if lines.dims else lines.length


def _copied(*values: Lines) -> Iterator[Call]:
    """What moves words of values that pass through a region of their own."""
    for lines in values:
        for e in lines.cut(*_whole(lines)) if not lines.direct else ():
            yield call("copy_s32", planes=1, rows=e.rows, words=e.size)


def _moved(name: str, lines: Lines) -> Transfer:
    entries = list(lines.cut(*_whole(lines)))
    pieces = sum(e.rows if lines.direct else 1 for e in entries)
    return moved(name, sum(map(lines.bytes_of, entries)), pieces)


def _made(name: str, work: Indexed, sizes: tuple[int, int], calls: list[Call], room: int) -> Recipe | None:
    """The recipe with `sizes` bytes of what is read or added and of results; None where it does not fit."""
    rows = ((f"rows {key}", lines.room(*_whole(lines)), 1) for key, lines in _values(work))
    places = (
        ("numbers", WORD * work.n, 1),
        ("index", WORD * work.count, 1),
        ("x", sizes[0], 1),
        ("scratch", WORD * work.n, 1),
        ("meant", work.n, 1),
        ("zero", 2 * WORD, 1),
        ("counts", WORD * work.count, 2),
        ("y", sizes[1], 2),
        *rows,
    )
    made = Recipe(
        name,
        regions(places),
        gathered([*calls, *_copied(work.x, work.index, work.y)]),
        (_moved("x", work.x), _moved("index", work.index), moved("numbers", WORD * work.n)),
        (_moved("y", work.y), moved("counts", up(WORD * work.count))),
    )
    return made if made.dtcm_bytes <= room else None


def _values(work: Indexed) -> tuple[tuple[str, Lines], ...]:
    return ("x", work.x), ("index", work.index), ("y", work.y)


@lru_cache(1 << 12)
def take(work: Indexed, room: int = ROOM) -> Recipe | None:
    """Words, each one of n by its index; the words that are not meant are 0, and the sum is the one that is.

    None where it does not fit.
    """
    n, count = work.n, work.count
    if count * n > MOST:
        return None
    calls = [*_cleared(n), *_meant(n, count), call("reduce_sum_s32", count, m=1, n=n)]
    return _made("take by comparison", work, (WORD * n, WORD * count), calls, room)


@lru_cache(1 << 12)
def scatter(work: Indexed, form: str, room: int = ROOM) -> Recipe | None:
    """n zeros, to which words are added, each where its index says, in their order; None as above."""
    n, count = work.n, work.count
    if count * n > MOST:
        return None
    add = "f32_add" if form == "float32" else "eltwise_add_s32"
    zeros = call("fill_s32", rows=1, words=up(WORD * n) // WORD)
    calls = [*_cleared(n), zeros, *_meant(n, count), call(add, count, n=n)]
    return _made("add by comparison", work, (WORD * count, WORD * n), calls, room)
