"""What programs take of the SDRAM: procedures, which many tiles share, and what each worker is told.

An upper estimate from recipes alone; `image` finds out which tiles really are alike.
"""

from __future__ import annotations

from spinntensor.abi.runtime import BLOCK_WORDS, LOG, LOGGED, PROGRAM, SHARE, SOURCES, TURN, TURNS
from spinntensor.abi.struct import WORD
from spinntensor.plan.recipe import Recipe

MOVE_BYTES, CALL_BYTES = 4 * WORD, 14 * WORD
"""Of a command that moves, and of one that calls a kernel with as many arguments as most have."""
TASK_BYTES = 16 * WORD
"""Of a task: its procedure, and bases of what it and the next one move."""
TABLES_BYTES = 1 << 20
"""For tables, padding and borders that kernels read beside weights, and for gaps between what is put where it fits."""
VARIANTS = 4
"""Procedures that a recipe has: for even and odd tiles, and where another tile comes before or behind."""


def procedure_bytes(recipe: Recipe, fresh: frozenset[str]) -> int:
    """Bytes of the procedures of a recipe whose `fresh` operands are loaded, in whole blocks."""
    moves = sum(t.pieces for t in recipe.loads if t.operand in fresh) + sum(t.pieces for t in recipe.stores)
    commands = MOVE_BYTES * moves + CALL_BYTES * sum(call.count for call in recipe.calls)
    block = WORD * BLOCK_WORDS
    return VARIANTS * -(-commands // block) * block


def worker_bytes(tasks: int, shares: int) -> int:
    """Bytes of what a worker is told, with so many tasks in so many shares of a period, and of its log."""
    record = PROGRAM.size + WORD * SOURCES + TURN.size * TURNS
    return record + TASK_BYTES * tasks + (SHARE.size + LOGGED * LOG.size) * shares
