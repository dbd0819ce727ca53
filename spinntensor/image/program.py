"""A core's program: the commands its tile engine walks, as frozen values and as the bytes that lie in SDRAM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinntensor import abi
from spinntensor.abi.engine import BLOCK, COMMAND, OPS
from spinntensor.errors import OperandError

_DMA_DOUBLE_WORDS = 1 << 24
_DMA_BURST_16 = 4 << 21
_DMA_TO_SYSTEM = 1 << 19


@dataclass(frozen=True)
class Move:
    """Start a DMA transfer of `nbytes` (a multiple of 8) between SDRAM and DTCM, and go on."""

    label: str
    system: int
    tcm: int
    nbytes: int
    to_system: bool = False


@dataclass(frozen=True)
class Wait:
    """Hold until the first `moves` moves of the program are done."""

    label: str
    moves: int


@dataclass(frozen=True)
class Invoke:
    """Enter a kernel; `words` fill its argument record by field name, pointers as DTCM addresses."""

    label: str
    kernel: str
    words: Mapping[str, int]


Command = Move | Wait | Invoke


def _words(command: Command, entries: Mapping[str, int]) -> list[int]:
    if isinstance(command, Move):
        if command.nbytes % 8 or command.system % 8 or command.tcm % 8 or command.nbytes <= 0:
            raise OperandError(
                "tile_engine",
                command.label,
                f"{command.nbytes} bytes from {command.system:#x} / {command.tcm:#x}",
                "whole double words on double-word boundaries",
                "pad the operand to 8 bytes",
            )
        way = _DMA_TO_SYSTEM if command.to_system else 0
        return [
            OPS["OP_MOVE"],
            command.system,
            command.tcm,
            _DMA_DOUBLE_WORDS | _DMA_BURST_16 | way | command.nbytes,
        ]
    if isinstance(command, Wait):
        return [OPS["OP_WAIT"], command.moves]
    record = abi.KERNELS[command.kernel].pack(command.words)
    if len(record) > COMMAND.size - 8:
        raise OperandError(
            command.kernel,
            "arguments",
            f"{len(record)} bytes",
            f"at most {COMMAND.size - 8}",
            "shorten the record",
        )
    return [
        OPS["OP_CALL"],
        entries[command.kernel],
        *(int.from_bytes(record[i : i + 4], "little") for i in range(0, len(record), 4)),
    ]


def encode(commands: Sequence[Command], entries: Mapping[str, int]) -> tuple[bytes, int]:
    """The program's bytes, padded to whole blocks, and its number of commands, the final OP_END included."""
    rows = [*(_words(c, entries) for c in commands), [OPS["OP_END"]]]
    names = COMMAND.names
    packed = b"".join(
        COMMAND.pack({n: (row[i] if i < len(row) else 0) for i, n in enumerate(names)}) for row in rows
    )
    return packed + bytes(-len(packed) % (BLOCK * COMMAND.size)), len(rows)
