"""The tile engine on one emulated core: order, overlap, errors."""

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.emulator.memory import SDRAM_BASES
from spinntensor.errors import DTCMError, EngineError
from spinntensor.image.program import Invoke, Move, Wait
from spinntensor.kernels import kernel
from spinntensor.machine.tile_engine import OPERANDS_AT, execute

GEMM = kernel("gemm_s16_3x3_outer_u32")
SDRAM = SDRAM_BASES[0]
PROGRAM_AT = SDRAM


def padded(array):
    raw = array.tobytes()
    return raw + bytes(-len(raw) % 8)


def product_program(count, rng):
    """`count` products, operands double-buffered; returns commands, SDRAM contents, expected, where results land."""
    m, n, k = 9, 12, 40
    cases = [GEMM.sample(rng, {"m": m, "n": n, "k": k}, False) | {"c": None} for _ in range(count)]
    calls = [GEMM.lower(c) for c in cases]
    a_bytes, b_bytes = (len(padded(calls[0].buffers[x].data)) for x in "ab")
    c_bytes = m * n * 4
    slot = a_bytes + b_bytes + c_bytes
    a_at, b_at, c_at = OPERANDS_AT, OPERANDS_AT + a_bytes, OPERANDS_AT + a_bytes + b_bytes
    data, source, target = {}, SDRAM + 0x10000, SDRAM + 0x80000
    for i, call in enumerate(calls):
        data[source + i * 0x2000] = padded(call.buffers["a"].data)
        data[source + i * 0x2000 + a_bytes] = padded(call.buffers["b"].data)
    commands, moves = [], 0

    def fetch(i):
        nonlocal moves
        commands.append(Move(f"in {i}", source + i * 0x2000, a_at + i % 2 * slot, a_bytes + b_bytes))
        moves += 1
        return moves

    arrived = fetch(0)
    for i, call in enumerate(calls):
        needed = arrived
        if i + 1 < count:
            arrived = fetch(i + 1)
        commands.append(Wait(f"operands {i}", needed))
        at = i % 2 * slot
        commands.append(
            Invoke(f"product {i}", GEMM.name, {**call.words, "a": a_at + at, "b": b_at + at, "c": c_at + at})
        )
        commands.append(Move(f"out {i}", target + i * c_bytes, c_at + at, c_bytes, to_system=True))
        moves += 1
    return commands, data, [GEMM.twin(c) for c in cases], (target, c_bytes)


def test_products_stream_through_two_buffers():
    commands, data, expected, (target, nbytes) = product_program(7, np.random.default_rng(3))
    core = Core(strict=True)
    done = execute(core, commands, PROGRAM_AT, data)
    for i, want in enumerate(expected):
        got = np.frombuffer(core.read(target + i * nbytes, nbytes), np.int32).reshape(want.shape)
        np.testing.assert_array_equal(got, want)
    compute = [(s.start, s.end) for s in done.spans if s.lane == "compute"]
    dma = [(s.start, s.end) for s in done.spans if s.lane.startswith("dma")]
    overlap = sum(max(0, min(ce, de) - max(cs, ds)) for cs, ce in compute for ds, de in dma)
    assert overlap > 0.5 * sum(e - s for s, e in dma[2:-1])
    assert done.moves == len(dma)


def test_same_program_same_cycles():
    commands, data, _, _ = product_program(3, np.random.default_rng(4))
    assert execute(Core(), commands, PROGRAM_AT, data) == execute(Core(), commands, PROGRAM_AT, data)


def test_a_bad_transfer_stops_the_engine():
    with pytest.raises(EngineError, match=r"ENGINE_DMA_ERROR.*check the transfer's SDRAM and DTCM addresses"):
        execute(Core(), [Move("nowhere", 0x50000000, OPERANDS_AT, 64), Wait("it", 1)], PROGRAM_AT, {})


def test_waiting_for_a_move_that_never_was_is_refused():
    with pytest.raises(EngineError, match=r"ENGINE_BAD_OP at command 0 \(ghost\)"):
        execute(Core(), [Wait("ghost", 1)], PROGRAM_AT, {})


def test_regions_that_do_not_fit_are_named():
    with pytest.raises(DTCMError, match="shrink 'panels'"):
        execute(Core(), [], PROGRAM_AT, {}, {"panels": 60_000, "sums": 4_000})


def test_a_program_without_commands_ends():
    assert execute(Core(strict=True), [], PROGRAM_AT, {}).moves == 1
