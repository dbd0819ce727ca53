"""Recipes of exact 64-bit sums: partial ones added up, and what becomes of them."""

from __future__ import annotations

from functools import lru_cache
from math import prod

from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions

SUM, WORD = 8, 4
"""Bytes of a sum, and of its result."""
ADD, RESULT = "add_s64", "convert_f32_result"


@lru_cache(1 << 12)
def join(parts: int, sizes: tuple[int, ...], room: int = ROOM, result: bool = True) -> Recipe | None:
    """Sums that `parts` tiles left of a box of some sizes, added up, and rounded to float32 once where `result`.

    One row of columns at a time, the parts one by one; None where a row of two parts does not fit `room`.
    """
    columns = sizes[-1]
    rows = prod(sizes[:-1])
    block = rows
    while block:
        n = block * columns
        made = regions(
            (
                ("parts", SUM * n, 2),
                ("sums", SUM * n, 1),
                ("y", WORD * n if result else 0, 2),
                ("exponents", WORD * (rows + columns) if result else 0, 1),
            )
        )
        if sum(r.total for r in made) <= room:
            break
        block //= 2
    else:
        return None
    blocks = -(-rows // block)
    calls = [call(ADD, blocks * (parts - 1), n=block * columns)]
    if result:
        calls.append(call(RESULT, blocks, m=block, n=columns))
    loads = [moved("parts", SUM * rows * columns * parts, blocks * parts, blocks * parts)]
    if result:
        loads.append(moved("exponents", WORD * (rows + columns)))
    stores = (moved("y", (WORD if result else SUM) * rows * columns, blocks, blocks),)
    return Recipe("sums joined", made, gathered(calls), tuple(loads), stores)
