"""Recipes of reading and adding by an index, with kernels that know no index: each element is compared with it.

An index is taken from the numbers of a tile's elements; where nothing is left the element is meant, and is chosen. That
is exact, and takes as many steps as there are elements for each index: it is for labels and small tables.
"""

from __future__ import annotations

from functools import lru_cache

from spinntensor.plan.recipe import Call, Recipe
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions

MOST = 1 << 22
"""Comparisons of a tile at most."""


def _meant(n: int, count: int) -> list[Call]:
    """For `count` indices, which of n elements they mean: as bytes 0 and 1, which also choose."""
    return [
        call("eltwise_sub_s32", count, n=n),
        call("f32_from_s32", count, n=n),
        call("f32_equal", count, n=n),
        call("select_s32", count, n=n),
    ]


def _regions(n: int, count: int, more: int) -> tuple:
    return regions(
        (
            ("numbers", 4 * n, 1),
            ("index", 4 * count, 1),
            ("x", 4 * n if more else 4 * count, 1),
            ("scratch", 4 * n, 2),
            ("meant", n, 1),
            ("y", 4 * (count if more else n), 2),
        )
    )


@lru_cache(1 << 12)
def take(count: int, n: int, room: int = ROOM) -> Recipe | None:
    """`count` words, each one of n by its index; the words that are not meant are 0, and the sum is the one that is.

    How many are meant, one for each index, is counted: an index outside is then seen. None where it does not fit.
    """
    if count * n > MOST:
        return None
    calls = [
        *_meant(n, count),
        call("reduce_sum_s32", count, m=1, n=n),
        call("reduce_sum_s8", count, m=1, n=n),
    ]
    loads = (moved("x", 4 * n), moved("index", 4 * count), moved("numbers", 4 * n))
    made = Recipe(
        "take by comparison",
        _regions(n, count, 1),
        gathered(calls),
        loads,
        (moved("y", 4 * count), moved("counts", 8)),
    )
    return made if made.dtcm_bytes <= room else None


@lru_cache(1 << 12)
def scatter(n: int, count: int, form: str, room: int = ROOM) -> Recipe | None:
    """n zeros, to which `count` words are added, each where its index says, in their order; None as above."""
    if count * n > MOST:
        return None
    add = "f32_add" if form == "float32" else "eltwise_add_s32"
    calls = [call("fill_s32", rows=1, words=n), *_meant(n, count), call(add, count, n=n)]
    loads = (moved("x", 4 * count), moved("index", 4 * count), moved("numbers", 4 * n))
    made = Recipe("add by comparison", _regions(n, count, 0), gathered(calls), loads, (moved("y", 4 * n),))
    return made if made.dtcm_bytes <= room else None
