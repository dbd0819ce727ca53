"""Recipes of partial sums: exact 64-bit ones added up, and what becomes of them; float32 ones added in order."""

from __future__ import annotations

from functools import lru_cache
from math import prod

from spinntensor.errors import DTCMError
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bfp16_scale import Scale
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up

SUM, WORD, COUNT = 8, 4, 8
"""Bytes of a sum, of its result, and of what counts the results that became infinite."""
ADD, RESULT = "add_s64", "convert_f32_result"


@lru_cache(1 << 12)
def join(parts: int, sizes: tuple[int, ...], pieces: int, scale: Scale, room: int = ROOM) -> Recipe | None:
    """Sums that `parts` tiles left of a box of some sizes, added up, and rounded to float32 once.

    Some rows at a time, the parts one by one; None where a row of two parts does not fit `room`. `pieces`: runs of the
    box in SDRAM.
    """
    columns = sizes[-1]
    rows = prod(sizes[:-1])
    block = rows
    while block:
        made = regions(
            (
                ("parts", SUM * block * columns, 2),
                ("sums", SUM * block * columns, 1),
                ("y", up(WORD * columns) * block, 2),
                *scale.regions(rows if scale.rows > 1 else block, columns),
                ("counts", COUNT, 2),
            )
        )
        if sum(r.total for r in made) <= room:
            break
        block //= 2
    else:
        return None
    found = spans(rows, block)
    blocks = sum(n for _, n in found)
    calls = [
        *scale.calls(rows if scale.rows > 1 else block, columns),
        *(call(ADD, n * (parts - 1), n=size * columns) for size, n in found),
        *(call(RESULT, n, m=size, n=columns) for size, n in found),
    ]
    loads = (
        *scale.loads(),
        moved("parts", SUM * rows * columns * parts, blocks * parts, blocks * parts),
        moved("counts", COUNT),
    )
    stores = (moved("y", up(WORD * columns) * rows, pieces + blocks - 1, blocks), moved("counts", COUNT))
    return Recipe("sums joined", made, gathered(calls), loads, stores, detail=(("rows", block),))


@lru_cache(1 << 12)
def in_order(parts: int, sizes: tuple[int, ...], pieces: int, room: int = ROOM) -> Recipe:
    """What `parts` tiles left of a box of some sizes in float32, added one after the other, some rows at a time.

    pieces : runs of the box in SDRAM. DTCMError where not even two rows fit `room`.
    """
    columns, rows = sizes[-1], prod(sizes[:-1])
    block = rows
    while (needed := 2 * up(WORD * block * columns) + 2 * block * up(WORD * columns)) > room:
        if block <= 2:
            raise DTCMError(
                "join", needed, room, {"parts": WORD * block * columns, "y": WORD * block * columns}
            )
        block = block // 4 * 2 or 2
    found = spans(rows, block)
    blocks = sum(n for _, n in found)
    if columns % 2:
        calls = [call("f32_add_rows", n * (parts - 1), m=size, n=columns) for size, n in found]
    else:
        calls = [call("f32_add", n * (parts - 1), n=size * columns) for size, n in found]
    loads = (moved("parts", WORD * rows * columns * parts, blocks * parts, blocks * parts),)
    stores = (moved("y", rows * up(WORD * columns), pieces + blocks - 1, blocks),)
    made = regions((("parts", WORD * block * columns, 2), ("y", block * up(WORD * columns), 2)))
    return Recipe("pieces added", made, gathered(calls), loads, stores, detail=(("rows", block),))
