"""Linking and programs: addresses, commands and what is refused."""

import pytest

from spinntensor.abi.engine import BLOCK, COMMAND, OPS
from spinntensor.errors import ITCMError, OperandError
from spinntensor.image import link as linker
from spinntensor.image.program import Invoke, Move, Wait, encode
from spinntensor.image.store import blob

GEMM = "gemm_s16_3x3_outer_u32"


def test_pieces_follow_each_other_once():
    linked = linker.link(["tile_engine", GEMM, "tile_engine"])
    assert linked.code == blob("tile_engine").code + blob(GEMM).code
    assert linked.entries[GEMM] == len(blob("tile_engine").code) + blob(GEMM).entry
    assert linked.symbols[GEMM] == linked.entries[GEMM]


def test_code_must_fit(monkeypatch):
    monkeypatch.setattr(linker, "CODE_BYTES", 100)
    with pytest.raises(ITCMError, match="fewer different kernels"):
        linker.link([GEMM])


def test_commands_become_fixed_size_words():
    words = dict(a=0x400400, b=0x400800, c=0x401000, m=3, n=4, pairs=2, ldc=4, accumulate=0)
    commands = [Move("in", 0x60000000, 0x400400, 64), Wait("w", 1), Invoke("gemm", GEMM, words)]
    data, count = encode(commands, {GEMM: 0x123C})
    assert count == 4 and len(data) == BLOCK * COMMAND.size
    rows = [COMMAND.unpack(data[i * COMMAND.size :]) for i in range(4)]
    assert [r["op"] for r in rows] == [OPS["OP_MOVE"], OPS["OP_WAIT"], OPS["OP_CALL"], OPS["OP_END"]]
    assert rows[0]["w1"] == 1 << 24 | 4 << 21 | 64 and rows[2]["entry"] == 0x123C and rows[2]["w3"] == 3


@pytest.mark.parametrize("move", [Move("x", 0x60000000, 0x400000, 12), Move("x", 0x60000004, 0x400000, 8)])
def test_moves_are_whole_double_words(move):
    with pytest.raises(OperandError, match="pad the operand to 8 bytes"):
        encode([move], {})
