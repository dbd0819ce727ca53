"""Commands as the tile engine reads them: procedures that many tasks share, and tasks with the bases they count from.

What lies between the ends of two tiles is a procedure. Its addresses in SDRAM count from bases, one for each operand of
each tile that it moves something for, so that tiles that differ in nothing else have the same procedure.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from spinntensor import abi
from spinntensor.abi.runtime import BLOCK_WORDS, CONVERSIONS, MOST_PATCHES, NO_WAIT, OPS, TASK_WORDS, TURNS
from spinntensor.errors import OperandError
from spinntensor.image.emit.action import Where
from spinntensor.image.overlap import Call, Move, Row

_DMA_DOUBLE_WORDS = 1 << 24
_DMA_BURST_16 = 4 << 21
_DMA_TO_SYSTEM = 1 << 19
_ADDRESS = (1 << 27) - 1
_BASES = TASK_WORDS - 1

Key = tuple[int, str, int]
"""Tile, counted from that of the procedure; operand; turn."""
ABSOLUTE = "absolute"
"""Operand of what counts from 0: moves beyond the bases that a task has room for."""
Records = dict[tuple[str, int], tuple[int, ...]]
"""Argument records by kernel and the identity of the mapping they are made of, which calls of equal tiles share."""


@dataclass(frozen=True)
class Task:
    """A procedure by its address, and the words of the bases."""

    procedure: int
    bases: tuple[int, ...]


def tasks_of(row: Row, entries: Mapping[str, int], put: Callable[[bytes], Where]) -> list[Task]:
    """The tasks of a worker's share, their procedures put into SDRAM.

    entries : ITCM address of each kernel.
    """
    made = []
    records: Records = {}
    for tile, (start, stop) in enumerate(pairwise((0, *row.ends))):
        commands = row.commands[start:stop]
        bases = _bases(commands, tile)
        content = _bytes(_procedure(commands, tile, bases, entries, records))
        words = tuple(base_word(at, turn) for (_, _, turn), at in bases.items())
        made.append(Task(put(content).address, words))
    return made


def task_bytes(tasks: Sequence[Task]) -> int:
    """Bytes from task to task, for those of one worker."""
    return 4 * (max((len(task.bases) for task in tasks), default=0) + 2 & ~1)


def packed(tasks: Sequence[Task], nbytes: int) -> bytes:
    """The tasks one behind the other."""
    return b"".join(_bytes((task.procedure, *task.bases)).ljust(nbytes, b"\0") for task in tasks)


def _bytes(words: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def base_word(address: int, turn: int) -> int:
    """An address and how it turns, as tasks and shares have them; OperandError for what does not fit a word."""
    if not 0 <= address <= _ADDRESS or turn >= TURNS:
        received = f"address {address:#x}, turn {turn}"
        expected = f"an address below {_ADDRESS + 1:#x} and one of {TURNS} turns"
        raise OperandError("tile_engine", "base", received, expected, "keep fewer values in several places")
    return address | turn << 27


def _bases(commands: Sequence[Move | Call], tile: int) -> dict[Key, int]:
    """For each operand the lowest address that is moved, those that came first as far as there is room."""
    found: dict[Key, int] = {}
    for move in commands:
        if isinstance(move, Move):
            key = move.tile - tile, move.operand, move.system.turn
            found[key] = min(found.get(key, move.system.address), move.system.address)
    if len(found) <= _BASES:
        return found
    turns = dict.fromkeys(turn for _, _, turn in found)
    kept = dict(list(found.items())[: _BASES - len(turns)])
    return {**kept, **{(0, ABSOLUTE, turn): 0 for turn in turns}}


def _procedure(
    commands: Sequence[Move | Call],
    tile: int,
    bases: Mapping[Key, int],
    entries: Mapping[str, int],
    records: Records,
) -> list[int]:
    """The words of a procedure, in whole blocks; the last word of a block says whether another one follows."""
    numbers = {key: i for i, key in enumerate(bases)}
    words: list[int] = []

    def add(*command: int) -> None:
        room = BLOCK_WORDS - 2 - len(words) % BLOCK_WORDS  # the last word, and one that ends the block
        if len(command) > room:
            words.append(OPS["OP_NEXT"])
            words.extend([0] * (BLOCK_WORDS - 1 - len(words) % BLOCK_WORDS))
            words.append(1)
        words.extend(command)

    for command in commands:
        if isinstance(command, Move):
            at = command.system
            key = command.tile - tile, command.operand, at.turn
            key = key if key in numbers else (0, ABSOLUTE, at.turn)
            way = _DMA_TO_SYSTEM if command.to_system else 0
            descriptor = _DMA_DOUBLE_WORDS | _DMA_BURST_16 | way | command.nbytes
            header = OPS["OP_MOVE"] | 4 << 8 | numbers[key] << 24
            add(header, at.address - bases[key], command.tcm, descriptor)
        else:
            for one in _call(command, entries, records):
                add(*one)
    add(OPS["OP_DONE"])
    words.extend([0] * (-len(words) % BLOCK_WORDS))
    return words


def _call(call: Call, entries: Mapping[str, int], records: Records) -> list[Sequence[int]]:
    """The commands that enter a kernel: what makes words that are known only then, and the call."""
    key = call.kernel, id(call.words)
    if key not in records:
        record = abi.KERNELS[call.kernel].pack(call.words)
        records[key] = struct.unpack(f"<{len(record) // 4}I", record)
    arguments = records[key]
    left = NO_WAIT if call.left is None else min(call.left, NO_WAIT - 1)
    if len(call.patches) > MOST_PATCHES:
        received = f"{len(call.patches)} words that are known at run time"
        raise OperandError(
            call.kernel, "arguments", received, f"at most {MOST_PATCHES}", "shorten the record"
        )
    found: list[Sequence[int]] = []
    for patch in call.patches:
        kind = CONVERSIONS[f"WORD_{patch.conversion.upper()}"]
        words = (patch.address, patch.field | kind << 8 | patch.count << 16, patch.add & 0xFFFFFFFF)
        found.append((OPS["OP_WORD"] | 4 << 8 | left << 16, *words))
    header = OPS["OP_CALL"] | 2 + len(arguments) << 8 | left << 16
    return [*found, (header, entries[call.kernel], *arguments)]
