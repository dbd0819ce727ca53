"""The DMA controller, its registers alone, then driven by ARM code (SpiNNaker datasheet 2.02, ch. 7)."""

from __future__ import annotations

import numpy as np
import pytest
from asm import assemble

from spinntensor.emulator import dma
from spinntensor.emulator.dma import ADRS, ADRT, CTRL, DESC, GCTL, STAT, Dma
from spinntensor.emulator.facts import CoreFacts
from spinntensor.emulator.faults import BusError
from spinntensor.emulator.memory import Memories, new_sdram

SDRAM, DTCM = 0x60000000, 0x00400000
READ, WRITE = 0, dma.TO_SYSTEM

# CTRL values a runtime starts with: everything cleared, then restarted.
RESET = (0x3F, 0x0D)


@pytest.fixture
def memories() -> Memories:
    made = Memories(new_sdram(1 << 16))
    made.sdram[:] = np.arange(1 << 16, dtype=np.uint32).astype(np.uint8)
    return made


@pytest.fixture
def engine(memories) -> Dma:
    made = Dma(memories, CoreFacts(dma_setup_cycles=10, dma_word_cycles=3))
    for value in RESET:
        made.write(CTRL, 4, value, 0)
    return made


def submit(engine: Dma, cycle: int, words: int, direction: int = READ, system=SDRAM, tcm=DTCM) -> None:
    engine.write(ADRS, 4, system, cycle)
    engine.write(ADRT, 4, tcm, cycle)
    engine.write(DESC, 4, dma.WIDE | 4 << 21 | direction | words << 2, cycle)


def status(engine: Dma, cycle: int) -> int:
    return engine.read(STAT, 4, cycle) & 0x00FFFFFF


def test_reset_bit_is_set_until_a_restart(memories):
    engine = Dma(memories, CoreFacts(physical_core=7))
    assert engine.read(STAT, 4, 0) == 7 << 24 | dma.SOFT_RESET
    engine.write(CTRL, 4, dma.RESTART, 0)
    assert engine.read(STAT, 4, 0) == 7 << 24


def test_data_moves_at_the_end(engine, memories):
    submit(engine, 100, 8)
    end = 100 + 10 + 8 * 3
    assert status(engine, end - 1) == dma.TRANSFERRING
    assert not memories.dtcm[:32].any()
    assert status(engine, end) == dma.DONE
    assert np.array_equal(memories.dtcm[:32], memories.sdram[:32])


def test_writes_go_the_other_way(engine, memories):
    memories.dtcm[64:72] = 255
    submit(engine, 0, 2, WRITE, system=0x70000000 + 256, tcm=DTCM + 64)
    engine.advance(1000)
    assert memories.sdram[256:264].tolist() == [255] * 8
    assert (engine.log[0].to_system, engine.log[0].nbytes, engine.log[0].outcome) == (True, 8, "done")


def test_two_are_taken_and_a_third_is_a_bus_error(engine):
    submit(engine, 0, 8)
    submit(engine, 1, 8, tcm=DTCM + 32)
    assert status(engine, 1) == dma.TRANSFERRING | dma.FULL
    for register in (ADRS, ADRT, DESC):
        with pytest.raises(BusError, match="queue"):
            engine.write(register, 4, DTCM, 2)
    # The first ends at 34; the second starts there and ends at 68.
    assert status(engine, 34) == dma.TRANSFERRING | dma.DONE
    submit(engine, 40, 1)
    assert [(t.start, t.end) for t in engine.log] == [(0, 34)]
    assert status(engine, 68) == dma.TRANSFERRING | dma.DONE | dma.SECOND_DONE
    engine.advance(1000)
    assert [(t.committed, t.start, t.end) for t in engine.log] == [(0, 0, 34), (1, 34, 68), (40, 68, 81)]


def test_done_counts_to_two_and_steps_back(engine):
    submit(engine, 0, 1)
    submit(engine, 0, 1)
    assert status(engine, 1000) == dma.DONE | dma.SECOND_DONE
    engine.write(CTRL, 4, dma.CLEAR_DONE, 1000)
    assert status(engine, 1000) == dma.DONE
    engine.write(CTRL, 4, dma.CLEAR_DONE, 1000)
    engine.write(CTRL, 4, dma.CLEAR_DONE, 1000)
    assert status(engine, 1000) == 0


@pytest.mark.parametrize(
    ("system", "tcm", "flag", "outcome"),
    [
        (0x50000000, DTCM, dma.AXI_ERROR, "AXI error"),
        (SDRAM + (1 << 16) - 4, DTCM, dma.AXI_ERROR, "AXI error"),
        (SDRAM, DTCM + 0xFFFC, dma.TCM_ERROR, "TCM error"),
        (SDRAM, 0x10000, dma.TCM_ERROR, "TCM error"),
    ],
)
def test_errors_pause_drop_the_transfer_and_keep_the_queued_one(engine, memories, system, tcm, flag, outcome):
    submit(engine, 0, 2, system=system, tcm=tcm)
    submit(engine, 0, 2)
    assert status(engine, 500) == flag | dma.PAUSED | dma.FULL
    assert (engine.log[0].outcome, engine.log[0].end) == (outcome, 10)
    assert not memories.dtcm.any()
    engine.write(CTRL, 4, dma.RESTART, 600)
    assert status(engine, 600) == dma.TRANSFERRING
    assert status(engine, 616) == dma.DONE
    assert memories.dtcm[1] == 1


def test_abort_keeps_whole_bursts_and_pauses(engine, memories):
    submit(engine, 0, 64)
    engine.write(CTRL, 4, dma.ABORT, 10 + 3 * 40)
    assert status(engine, 200) == dma.USER_ABORT | dma.PAUSED
    assert np.array_equal(
        memories.dtcm[:128], memories.sdram[:128]
    )  # 40 words are one burst of 32 and a part
    assert memories.dtcm[129:256].sum() == 0
    submit(engine, 300, 1)
    assert status(engine, 900) == dma.USER_ABORT | dma.PAUSED | dma.FULL
    engine.write(CTRL, 4, dma.UNCOMMIT | dma.RESTART, 900)
    assert status(engine, 900) == 0


def test_progress_can_be_read(engine):
    submit(engine, 0, 64)
    cycle = 10 + 3 * 33
    assert engine.read(dma.AD2S, 4, cycle) == SDRAM + 128
    assert engine.read(dma.AD2T, 4, cycle) == DTCM + 128
    assert engine.read(dma.DES2, 4, cycle) == dma.WIDE | 4 << 21 | 128
    assert engine.read(dma.AD2S, 4, 10_000) == 0


def test_interrupt_lines_follow_status_and_enables(engine):
    submit(engine, 0, 1)
    engine.advance(100)
    assert engine.interrupts == (False, False, False)
    engine.write(GCTL, 4, 0xC00, 100)
    assert engine.interrupts == (True, False, False)
    assert engine.read(GCTL, 4, 100) == 0xC00


@pytest.mark.parametrize(
    ("register", "size", "value", "match"),
    [
        (ADRS, 2, 0, "aligned words"),
        (ADRS, 4, SDRAM + 2, "bits 1:0"),
        (STAT, 4, 0, "no writable register"),
        (0x30, 4, 0, "no writable register"),
        (DESC, 4, dma.CRC | 4, "CRC"),
        (DESC, 4, 5 << 21 | 4, "burst 5"),
    ],
)
def test_what_the_controller_refuses(engine, register, size, value, match):
    with pytest.raises(BusError, match=match):
        engine.write(register, size, value, 0)


def test_code_cannot_be_loaded_by_dma(engine):
    with pytest.raises(BusError, match=r"Core\.load"):
        submit(engine, 0, 1, tcm=0x100)


# r0: direction and length of the descriptor; copies between the start of SDRAM and DTCM + 0x100, and waits.
COPY = """
    mov r1, #{base}
    mov r2, #0x3f
    str r2, [r1, #0x10]
    mov r2, #0x0d
    str r2, [r1, #0x10]
    mov r2, #0x60000000
    str r2, [r1, #0x04]
    mov r2, #0x00400000
    add r2, r2, #0x100
    str r2, [r1, #0x08]
    str r0, [r1, #0x0c]
    {during}
1:  ldr r3, [r1, #0x14]
    tst r3, #0x400
    beq 1b
    mov r3, #8
    str r3, [r1, #0x10]
    ldr r0, [r2]
    bx lr
"""


def copier(during: str = "", base: int = 0x30000000, strict: bool = True):
    pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")
    from spinntensor.emulator.core import Core

    core = Core(strict=strict)
    core.load(assemble(COPY.format(base=base, during=during)), {"main": 0})
    core.write(SDRAM, bytes(range(256)))
    return core


@pytest.mark.parametrize("base", [0x30000000, 0x40000000])
def test_a_program_copies_and_waits(base):
    core = copier(base=base)
    core.call("main", 64)
    assert core.registers[0] == 0x03020100
    (transfer,) = core.dma.log
    # Committed by the 11th instruction: BL 3, ten of one cycle, five of them device accesses with 4 more.
    # The store that commits is told the cycle before it.
    assert transfer.committed == transfer.start == 3 + 10 + 4 * 4
    assert transfer.end == transfer.start + 20 + 3 * 16
    assert transfer.end <= core.cycles < transfer.end + 40


def test_time_passes_for_the_transfer_while_the_core_computes():
    delay = "mov r4, #100\n2: subs r4, r4, #1\nbne 2b"
    core = copier(during=delay)
    counters = core.call("main", 64)
    assert core.executions()[14] == 1, "the first poll finds it done"
    assert counters.cycles > core.dma.log[0].end


def test_a_transfer_that_outlives_the_call_ends_in_a_later_run():
    core = copier(strict=False)
    code = assemble(COPY.format(base=0x30000000, during="bx lr"))
    core.load(code, {"main": 0})
    core.call("main", 64)
    assert core.dma.log == [] and core.read(DTCM + 0x100, 4) == bytes(4)
    core.load(assemble("mov r4, #100\n2: subs r4, r4, #1\nbne 2b\nbx lr"), {"main": 0})
    core.call("main")
    assert core.dma.log[0].outcome == "done"
    assert core.read(DTCM + 0x100, 4) == bytes([0, 1, 2, 3])


@pytest.mark.parametrize(
    ("during", "direction", "kind"),
    [
        ("ldr r4, [r2]", READ, "read of memory a DMA transfer is filling"),
        ("str r4, [r2, #60]", READ, "store to memory a DMA transfer uses"),
        ("str r4, [r2, #60]", WRITE, "store to memory a DMA transfer uses"),
    ],
)
def test_strict_mode_guards_running_transfers(during, direction, kind):
    from spinntensor.emulator.faults import StrictError

    core = copier(during=during)
    core.allow_store(DTCM + 0x100, 64)
    core.write(DTCM + 0x100, bytes(64))
    with pytest.raises(StrictError) as caught:
        core.call("main", direction | 64)
    assert caught.value.kind == kind


def test_strict_mode_lets_a_transfers_source_be_read():
    core = copier(during="ldr r4, [r2]")
    core.write(DTCM + 0x100, b"word" * 16)
    core.call("main", WRITE | 64)
    assert core.read(SDRAM, 64) == b"word" * 16


def test_a_refused_access_is_a_fault_at_its_instruction():
    from spinntensor.emulator.faults import CoreFault

    core = copier(during="str r0, [r1, #0x0c]\nstr r0, [r1, #0x0c]")
    with pytest.raises(CoreFault, match="queue holds") as caught:
        core.call("main", 64)
    assert (caught.value.kind, caught.value.pc, caught.value.address) == ("bus error", 48, 0x3000000C)
