"""Recipes of what only moves or makes numbers: copies between layouts, fills, rows of softmax.

The DMA controller moves runs of whole double words, so a slice, a concatenation, a padding or a transposition whose
runs are such costs no kernel: pieces arrive where the result wants them. Shorter runs need a kernel that copies.
"""

from __future__ import annotations

from functools import lru_cache

from spinntensor.errors import DTCMError, OperandError
from spinntensor.kernels._float_tables import exp_table, log_table
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.chain import COPY
from spinntensor.plan.recipes.maps import copies
from spinntensor.plan.recipes.parts import ROOM, call, gathered, moved, regions, spans, up

WORD, HALF = 4, 2
BLOCK_BYTES = 8192
"""Bytes that are in the DTCM at a time at most."""


@lru_cache(1 << 12)
def move(nbytes: int, run: int, item: int = WORD, zeros: int = 0, room: int = ROOM) -> Recipe:
    """`nbytes` of a result from other places in SDRAM: slice, place, concatenate, pad, transpose, broadcast_to.

    Runs of whole double words move by DMA alone, straight to where they belong. Shorter runs arrive in long pieces and
    are moved word by word; mantissas become float32 for that, and mantissas again.

    Parameters
    ----------
    run : bytes that lie side by side both where they come from and in the result.
    item : bytes of an element: 4, or 2 for mantissas.
    zeros : bytes of the result that come from nowhere and are 0.

    Errors
    ------
    OperandError for short runs of bytes; DTCMError when a run does not fit twice.
    """
    dma = run % DOUBLE == 0
    if not dma and run % WORD and item != HALF:
        mend = "cut along an axis whose elements fill words; no kernel copies single bytes"
        raise OperandError("move", "run", f"{run} bytes", f"a multiple of {WORD}", mend)
    block = max(run, min(BLOCK_BYTES, nbytes) // run * run) if dma else min(BLOCK_BYTES // 2, up(nbytes))
    blocks, taken = -(-nbytes // block), nbytes - zeros
    pieces = max(1, -(-taken // run)) if dma else blocks
    calls = [call("fill_s32", blocks, rows=1, words=-(-block // WORD))] if zeros else []
    sizes = [("x", block, 2)]
    if not dma:
        words, wide = (1, True) if run % WORD else (run // WORD, False)
        n = block // HALF if wide else block // WORD
        calls.append(call("copy_s32", blocks, planes=1, rows=max(1, n // words), words=words))
        if wide:
            calls += [call("bfp16_to_f32", blocks, n=n), call("bfp16_from_f32", blocks, n=n)]
        sizes = [("x", block, 2), ("from", WORD * n, 1), ("to", WORD * n, 1), ("y", block, 2)]
        sizes += [("counts", DOUBLE, 1)] if wide else []
    needed = sum(up(size) * places for _, size, places in sizes)
    if needed > room:
        raise DTCMError("move", needed, room, {name: size for name, size, _ in sizes})
    return Recipe(
        kernel="dma" if dma else "copy",
        regions=regions(sizes),
        calls=gathered(calls),
        loads=(moved("x", max(taken, DOUBLE), pieces, min(pieces, blocks)),),
        stores=(moved("y", nbytes, blocks, blocks),),
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
        loads=(moved("constant", DOUBLE),),
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
