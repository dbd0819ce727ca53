"""Recipes of what only moves or makes numbers: copies between layouts, fills, rows of softmax.

The DMA controller moves runs of whole double words, so a slice, a concatenation, a padding or a transposition whose
runs are such costs no kernel: pieces arrive where the result wants them. Shorter runs need a kernel that copies.
"""

from __future__ import annotations

from spinntensor.errors import DTCMError, OperandError
from spinntensor.kernels._float_tables import exp_table, log_table
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.chain import COPY
from spinntensor.plan.recipes.maps import copies
from spinntensor.plan.recipes.parts import DOUBLE_WORD, ROOM, call, gathered, moved, regions, spans, up

BLOCK_BYTES = 8192
"""Bytes that are in the DTCM at a time at most."""


def move(nbytes: int, run: int, out_run: int = 0, room: int = ROOM) -> Recipe:
    """`nbytes` from SDRAM to SDRAM in another order: slice, place, concatenate, pad, transpose, broadcast_to.

    Parameters
    ----------
    run : bytes that lie side by side both where they come from and in the result's order.
    out_run : bytes of the result that lie side by side; all of them when 0.

    Errors
    ------
    OperandError for runs that are not whole double words; DTCMError when a run does not fit twice.
    """
    for name, size in (("run", run), ("out_run", out_run)):
        if size % DOUBLE_WORD:
            mend = "cut along an axis whose elements fill double words; no kernel copies shorter runs"
            raise OperandError("move", name, f"{size} bytes", f"a multiple of {DOUBLE_WORD}", mend)
    block = max(run, min(BLOCK_BYTES, nbytes) // run * run)
    if 2 * block > room:
        raise DTCMError("move", 2 * block, room, {"x": 2 * block})
    blocks = -(-nbytes // block)
    return Recipe(
        kernel="dma",
        regions=regions((("x", block, 2),)),
        calls=(),
        loads=(moved("x", nbytes, -(-nbytes // run)),),
        stores=(moved("y", nbytes, max(blocks, -(-nbytes // out_run) if out_run else 1)),),
        detail=(("block", block),),
    )


def fill(nbytes: int) -> Recipe:
    """`nbytes` of one number: a double word of it is copied to a block, which is stored again and again."""
    block = min(BLOCK_BYTES, up(nbytes))
    calls = [call(COPY, n=size) for size in copies(2, block // 4)]
    return Recipe(
        kernel="fill",
        regions=regions((("y", block, 2),)),
        calls=gathered(calls),
        loads=(moved("constant", DOUBLE_WORD),),
        stores=(moved("y", nbytes, -(-nbytes // block)),),
        detail=(("block", block),),
    )


def softmax(rows: int, columns: int, log: bool = False, room: int = ROOM) -> Recipe:
    """Softmax or log softmax of float32 rows, whole rows in the DTCM; DTCMError when one does not fit."""
    kernel = "f32_log_softmax" if log else "f32_softmax"
    tables = (("exp", exp_table().nbytes, 1), ("log", log_table().nbytes if log else 0, 1))
    fixed = sum(up(n) for _, n, _ in tables)
    row = 4 * columns
    most = (room - fixed) // (4 * up(row))
    if most < 1:
        raise DTCMError(
            kernel, fixed + 4 * up(row), room, {"x": 2 * up(row), "y": 2 * up(row), "tables": fixed}
        )
    block = min(rows, most, max(1, BLOCK_BYTES // row))
    block += block % 2 if columns % 2 and block < most else 0
    blocks = spans(rows, block)
    count = sum(n for _, n in blocks)
    return Recipe(
        kernel=kernel,
        regions=regions((("x", row * block, 2), ("y", row * block, 2), *tables)),
        calls=gathered(call(kernel, n, m=m, n=columns) for m, n in blocks),
        loads=(moved("x", row * rows, count), *(moved(f"table {name}", n) for name, n, _ in tables if n)),
        stores=(moved("y", row * rows, count),),
        detail=(("block", block * columns),),
    )
