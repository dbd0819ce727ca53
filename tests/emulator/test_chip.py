"""An emulated chip: interrupts, sleep, aborts, packets between cores, determinism, what a run reports."""

from __future__ import annotations

import gc
import hashlib
import time

import numpy as np
import pytest

pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")

from emulator.programs import COUNT, DATA, PACKETS, SDRAM, SEND, TAKE, WAIT, booted, program, word, words

from spinntensor.emulator.chip import ALIVE, Chip
from spinntensor.emulator.facts import ChipFacts, CoreFacts

KEY = 0x100


def started(main: str, cores=(1,), routes=(), *, options=None, **handlers):
    chip, monitor = booted(**(options or {}))
    monitor.route(routes)
    monitor.load(program(main, **handlers), cores)
    return chip, monitor


# Interrupts.


def test_a_timer_interrupts_a_computation_and_leaves_it_as_it_was():
    main = """
        ldr r0, =0x11000000
        mov r1, #1000
        str r1, [r0]
        mov r1, #0xe2
        str r1, [r0, #8]
        mov r0, #0
        mov r1, #0
    1:  add r0, r0, #1
        cmp r0, #0x2700
        add r1, r1, r0
        bne 1b
        str r1, [r8, #0x70]
        ldr r0, =0x11000000
        mov r1, #0
        str r1, [r0, #8]
    """
    bare = started(main.replace("0xe2", "0xc2"))
    with_timer = started(main)
    for chip, monitor in (bare, with_timer):
        assert chip.run(1_000_000).reason == "asleep"
        assert monitor.vcpu(1).user0 == sum(range(1, 0x2701))
    quiet, busy = (chip.cores[1] for chip, _ in (bare, with_timer))
    assert quiet.latency.irqs == 0
    ticks = busy.latency.irqs
    assert ticks == pytest.approx(busy.now / 1000, abs=2)
    extra = busy.counters.instructions - quiet.counters.instructions
    assert extra % ticks == 0, "each interrupt executes the same instructions"
    # A block of the loop at most: that is where interrupts are taken.
    assert busy.latency.irq <= 12
    assert busy.counters.cycles == busy.awake_cycles
    counters = busy.counters
    parts = (counters.issue, counters.load_use, counters.multiply, counters.branch, counters.peripheral)
    assert sum(parts) == counters.cycles


@pytest.mark.parametrize("quantum", [50, 200, 10_000])
def test_the_quantum_does_not_change_what_one_core_does(quantum):
    main = """
        ldr r0, =0x11000000
        mov r1, #700
        str r1, [r0]
        mov r1, #0xe2
        str r1, [r0, #8]
        ldr r0, =5000
    1:  subs r0, r0, #1
        bne 1b
        mov r1, #0
        ldr r0, =0x11000000
        str r1, [r0, #8]
    """
    chip, _ = started(main, options={"quantum": quantum})
    outcome = chip.run(1_000_000)
    core = chip.cores[1]
    assert outcome.reason == "asleep" and outcome.cycle == core.now
    found = (core.counters, core.now, core.latency, core.profile())
    assert EXPECTED.setdefault("one core", found) == found


EXPECTED: dict[str, object] = {}


def test_a_sleeping_core_wakes_at_the_exact_time():
    main = (
        """
        ldr r0, =0x11000000
        ldr r1, =50000
        str r1, [r0]
        mov r1, #0xe3
        str r1, [r0, #8]
    """
        + WAIT
    )
    chip, _monitor = started(main, timer="str r0, [r8, #0x7c]")
    chip.run(1_000_000)
    core = chip.cores[1]
    assert core.latency.irqs == 1 and core.latency.irq == 0
    assert core.asleep_cycles == pytest.approx(50_000, abs=20)
    (mark,) = core.marks
    assert mark.value == 0x11000000 and core.asleep_cycles < mark.cycle < core.now
    assert chip.rounds < 5, "sleeping costs nothing"


def test_sleep_ends_also_when_the_interrupt_is_masked():
    main = (
        """
        mov r0, #0xdf
        msr cpsr_c, r0
        mov r1, #2
        str r1, [r4, #0x18]
    """
        + WAIT
        + """
        mov r1, #1
        str r1, [r8, #0x70]
        mov r0, #0x1f
        msr cpsr_c, r0
        msr cpsr_c, r0
        mov r1, #3
        str r1, [r8, #0x78]
    """
    )
    chip, monitor = started(main, soft="mov r1, #2\nldr r2, [r8, #0x70]\nadd r1, r1, r2\nstr r1, [r8, #0x74]")
    assert chip.run(100_000).reason == "asleep"
    assert monitor.vcpu(1).user[:3] == (1, 3, 3)


def test_a_short_open_window_is_enough():
    """Interrupts are open for one instruction of a loop that never stops: it is taken there."""
    main = """
        mov r0, #0xdf
        mov r1, #0x1f
        msr cpsr_c, r0
        mov r2, #2
        str r2, [r4, #0x18]
        mov r3, #0
    1:  add r3, r3, #1
        msr cpsr_c, r1
        msr cpsr_c, r0
        ldr r2, [r8, #0x70]
        cmp r2, #0
        beq 1b
    """
    chip, _monitor = started(main, soft="mov r1, #1\nstr r1, [r8, #0x70]")
    assert chip.run(100_000).reason == "asleep"
    assert chip.cores[1].latency.irqs == 1


def test_a_dma_transfer_interrupts_at_its_end():
    main = (
        f"""
        ldr r0, ={SDRAM}
        str r0, [r5, #4]
        ldr r0, ={DATA}
        str r0, [r5, #8]
        ldr r0, =(1 << 24) | (4 << 21) | 1024
        str r0, [r5, #0xc]
    """
        + WAIT
    )
    chip, monitor = started(main)
    monitor.write(SDRAM, bytes(range(256)) * 4)
    chip.run(100_000)
    core = chip.cores[1]
    assert core.read(DATA, 1024) == bytes(range(256)) * 4
    assert (core.latency.irqs, core.dma.transfers, core.dma.bytes_moved) == (1, 1, 1024)
    assert core.dma.busy_cycles == 20 + 3 * 256
    assert core.dma.log[0].end == core.dma.log[0].start + 20 + 3 * 256


def test_code_that_comes_by_dma_is_executed():
    """MOV r0, #n; BX lr is copied over itself with another n, and called before and after."""
    main = f"""
        ldr r6, =0x4000
        ldr r7, ={SDRAM}
        mov r3, #2
    1:  str r7, [r5, #4]
        str r6, [r5, #8]
        ldr r0, =(1 << 24) | (4 << 21) | 8
        str r0, [r5, #0xc]
        mcr p15, 0, r0, c7, c0, 4
        blx r6
        str r0, [r8, #0x70]
        ldr r1, [r8, #0x74]
        add r1, r1, r0
        str r1, [r8, #0x74]
        add r7, r7, #8
        subs r3, r3, #1
        bne 1b
    """
    chip, monitor = started(main)
    monitor.write(SDRAM, np.array([0xE3A00007, 0xE12FFF1E, 0xE3A00009, 0xE12FFF1E], "<u4").tobytes())
    assert chip.run(100_000).reason == "asleep"
    assert monitor.vcpu(1).user[:2] == (9, 16)


def test_a_report_tells_what_a_core_has_done():
    main = f"""
        mov r0, #0x100
        mov r1, #1
        {SEND}
        ldr r0, ={SDRAM}
        str r0, [r5, #4]
        ldr r0, ={DATA}
        str r0, [r5, #8]
        ldr r0, =(1 << 24) | (4 << 21) | 128
        str r0, [r5, #0xc]
    1:  {WAIT}
        b 1b
    """
    chip, _ = started(main, routes=[(0x100, 0xFFFFFFFF, [1])])
    chip.run(1_000_000)
    report = chip.cores[1].report
    assert (report.core, report.sent, report.received, report.dma_transfers) == (1, 1, 1, 1)
    assert (report.dma_bytes, report.dma_busy) == (128, 20 + 3 * 32)
    assert (report.latency.irqs, report.latency.fiqs) == (1, 1)
    assert report.awake == report.counters.cycles and report.awake + report.asleep == chip.cycles


# Exceptions.

FAULTS = {
    "mov r1, #0x50000000\nldr r0, [r1]": (5, "read of unmapped memory", 0x50000000),
    "mov r1, #0x50000000\nstr r0, [r1, #4]": (5, "write to unmapped memory", 0x50000004),
    "mov r1, #0x30000000\nldr r0, [r1, #0x30]": (5, "bus error", 0x30000030),
    "mov r0, #0x50000000\nbx r0": (4, "fetch from unmapped memory", 0x50000000),
    "nop\n.word 0xe6bf0f31": (2, "undefined instruction", None),
}


@pytest.mark.parametrize("text", FAULTS)
def test_exceptions_enter_the_programs_vectors_and_are_recorded(text):
    code, kind, address = FAULTS[text]
    chip, monitor = started("broken:\n" + text)
    chip.symbols({"main": 0})
    outcome = chip.run(100_000)
    assert outcome.reason == "fault"
    vcpu = monitor.vcpu(1)
    assert (vcpu.state, vcpu.rt_code) == ("RTE", code)
    (record,) = outcome.faults
    assert record.handled and record.core == 1
    assert (record.fault.kind, record.fault.address) == (kind, address)
    assert len(record.fault.registers) == 17 and f"core 1, cycle {record.cycle}" in str(record)
    if address is None or address != 0x50000000 or code == 5:
        ahead = 8 if code == 5 else 4
        assert vcpu.lr == record.fault.pc + ahead
        assert record.fault.symbol.startswith("main+")
    assert chip.run(1000).reason == "asleep", "an old fault is not told again"


def test_supervisor_calls_go_to_their_vector():
    chip, monitor = started("svc #7\nadd r0, r0, #1\nstr r0, [r8, #0x70]", supervisor="mov r0, #41")
    assert chip.run(100_000).reason == "asleep"
    assert monitor.vcpu(1).user0 == 42


def test_a_core_without_handlers_stops_the_run():
    from asm import assemble

    from spinntensor.emulator.aplx import pack

    chip, monitor = booted()
    monitor.load(pack(assemble("mov r1, #0x50000000\nldr r0, [r1]\nnop\nmov r2, #0")), [3])
    outcome = chip.run(100_000)
    assert outcome.reason == "fault" and outcome.cores[0].state == "dead"
    assert "core 3" in str(outcome) and "0x50000000" in str(outcome)


def test_a_fault_in_a_handler_stops_the_core():
    chip, _ = started(
        "ldr r0, =0x1f000000\nmov r8, #0x50000000\nldr r0, [r8]"
    )  # its handler stores through r8
    outcome = chip.run(100_000)
    assert [r.handled for r in outcome.faults] == [True, False]
    assert outcome.reason == "fault"


# Packets.

PING = f"""
    cmp r9, #1
    mov r6, #0
    ldr r7, ={COUNT}
    beq 2f
1:  {WAIT}
    ldr r1, [r7]
    cmp r1, r6
    beq 1b
    mov r6, r1
    mov r0, #0x200
    {SEND}
    cmp r6, #20
    bne 1b
    b done
2:  mov r0, #0x100
    mov r1, r6
    {SEND}
3:  {WAIT}
    ldr r1, [r7]
    cmp r1, r6
    beq 3b
    mov r6, r1
    cmp r6, #20
    bne 2b
"""


@pytest.mark.parametrize("quantum", [100, 10_000])
def test_ping_between_two_cores(quantum):
    chip, monitor = started(
        PING, (1, 2), [(0x100, 0xFFFFFFFF, [2]), (0x200, 0xFFFFFFFF, [1])], options={"quantum": quantum}
    )
    outcome = chip.run(1_000_000)
    assert outcome.reason == "asleep" and not outcome.lost
    assert [monitor.vcpu(v).state for v in (1, 2)] == ["EXIT", "EXIT"]
    assert words(chip.core_of(2), PACKETS, 20) == list(range(20))
    assert words(chip.core_of(1), PACKETS, 20) == list(range(1, 21))
    assert EXPECTED.setdefault("ping", chip.cycles) == chip.cycles, "exact at any quantum"
    for v in (1, 2):
        core = chip.core_of(v)
        assert (core.comms.sent_count, core.comms.received_count) == (20, 20)
        assert core.latency.fiqs == 20 and core.latency.fiq < 15


FAN = f"""
    cmp r9, #1
    beq 2f
    mov r6, #10
1:  add r1, r9, r6, lsl #8
    mov r0, #0x100
    {SEND}
    subs r6, r6, #1
    bne 1b
    b done
2:  ldr r7, ={COUNT}
3:  {{wait}}
    ldr r1, [r7]
    cmp r1, #150
    bne 3b
"""


@pytest.mark.parametrize("wait", [WAIT, "nop"], ids=["asleep", "computing"])
@pytest.mark.parametrize("quantum", [200, 10_000])
def test_fifteen_senders_to_one_receiver_lose_nothing(wait, quantum):
    chip, _monitor = started(
        FAN.format(wait=wait), range(1, 17), [(0x100, 0xFFFFFFFF, [1])], options={"quantum": quantum}
    )
    outcome = chip.run(2_000_000)
    assert outcome.reason == "asleep" and not outcome.lost, outcome
    got = words(chip.core_of(1), PACKETS, 150)
    for sender in range(2, 17):
        mine = [w >> 8 for w in got if w & 0xFF == sender]
        assert mine == list(range(10, 0, -1)), "all, and in order"
    assert chip.router.routed == 150


# A receiver that masks its interrupt for a while, and one that does not.
MASKED = f"""
    cmp r9, #1
    beq 2f
    mov r6, #3
1:  mov r1, r6
    mov r0, #0x100
    {SEND}
    subs r6, r6, #1
    bne 1b
    b done
2:  mov r0, #0xdf
    msr cpsr_c, r0
    ldr r0, =3000
3:  subs r0, r0, #1
    bne 3b
    mov r0, #0x1f
    msr cpsr_c, r0
"""


@pytest.mark.parametrize("quantum", [200, 10_000])
def test_a_receiver_that_masks_loses_packets_and_that_is_told(quantum):
    chip, _ = started(MASKED, (1, 2), [(0x100, 0xFFFFFFFF, [1])], options={"quantum": quantum})
    outcome = chip.run(1_000_000)
    assert words(chip.core_of(1), PACKETS, 1) == [3], "the first waited in the register"
    assert [lost.packet.payload for lost in outcome.lost] == [2, 1]
    for lost in outcome.lost:
        assert (lost.why, lost.cores, lost.packet.source, lost.packet.key) == ("blocked", (1,), 2, 0x100)
        assert "not taken by core 1" in str(lost)
    assert chip.router._dump[0x28] & 3 << 30 == 3 << 30
    assert chip.router._dump[0x24] == 1 << 7


def test_patience_longer_than_the_mask_loses_nothing():
    from spinntensor.emulator.disturb import Disturbance

    chip, _ = started(
        MASKED, (1, 2), [(0x100, 0xFFFFFFFF, [1])], options={"disturbance": Disturbance(wait1=0xFF)}
    )
    assert not chip.run(1_000_000).lost
    assert words(chip.core_of(1), PACKETS, 3) == [3, 2, 1]


@pytest.mark.parametrize("fifo", [8, 1])
def test_senders_that_sleep_until_the_buffer_is_empty(fifo):
    """The empty interrupt sends the next packet; a slow receiver makes the router hold the senders up."""
    main = """
        cmp r9, #1
        beq done
        mov r7, #0
        mov r0, #1 << 11
        str r0, [r4, #0x10]
    """
    soft = """
        add r7, r7, #1
        mov r0, #0x20000
        str r0, [r10]
        str r7, [r10, #4]
        mov r0, #0x100
        str r0, [r10, #8]
        cmp r7, #30
        ldreq r0, =0x1f000000
        moveq r1, #1 << 11
        streq r1, [r0, #0x14]
    """
    # The packet handler counts to 40 before it takes a packet.
    slow = "mov r11, #40\n1: subs r11, r11, #1\nbne 1b\n" + TAKE
    chip, monitor = booted(facts=ChipFacts(router_fifo_packets=fifo))
    monitor.route([(0x100, 0xFFFFFFFF, [1])])
    slot = "mov r0, #0x20 | 11\nstr r0, [r4, #0x20c]\n"
    monitor.load(program(slot + main, soft=soft, fiq=slow), range(1, 6))
    outcome = chip.run(1_000_000)
    assert outcome.reason == "asleep" and not outcome.lost, outcome
    got = words(chip.core_of(1), PACKETS, 120)
    assert sorted(got) == sorted([n for n in range(1, 31)] * 4)
    assert chip.cycles > 120 * 160


def test_a_packet_that_waits_for_ever_is_told():
    from spinntensor.emulator.disturb import Disturbance

    chip, _ = started(
        f"cmp r9, #2\nbne done\nmov r0, #0x100\nmov r1, #5\n{SEND}{SEND}{SEND}",
        (1, 2),
        [(0x100, 0xFFFFFFFF, [1])],
        enable=1 << 18,
        options={"disturbance": Disturbance(wait1=0xFF)},
    )
    outcome = chip.run(1_000_000)
    assert (outcome.reason, outcome.blocked, outcome.lost) == ("asleep", (1,), ())
    assert "waits for core 1" in str(outcome)


def test_a_packet_written_too_early_is_an_overrun():
    main = """
        mov r0, #0x100
        str r0, [r10, #8]
        str r0, [r10, #8]
        ldr r1, [r10]
        str r1, [r8, #0x70]
    """
    chip, monitor = started(main, (1,), [(0x100, 0xFFFFFFFF, [1])])
    outcome = chip.run(100_000)
    assert [lost.why for lost in outcome.lost] == ["overrun"]
    assert monitor.vcpu(1).user0 & 1 << 29
    assert word(chip.core_of(1), COUNT) == 1


# Determinism and speed.

# Each core: stream a block in, add its number to every word, stream it out, tell the next core; 8 rounds.
_DMA_DONE = 0x00401080  # counted by the handler, taken back by whoever waited

_WAIT_DMA = f"""
    ldr r0, ={_DMA_DONE}
5:  ldr r1, [r0]
    cmp r1, #0
    beq 5b
    mov r1, #0
    str r1, [r0]
"""

RING = f"""
    mov r6, #8
    ldr r7, ={COUNT}
1:  ldr r0, ={SDRAM}
    add r0, r0, r9, lsl #12
    str r0, [r5, #4]
    ldr r0, ={DATA}
    str r0, [r5, #8]
    ldr r0, =(1 << 24) | (4 << 21) | 2048
    str r0, [r5, #0xc]
    {_WAIT_DMA}
    ldr r0, ={DATA}
    mov r1, #512
2:  ldr r2, [r0]
    mla r2, r9, r6, r2
    str r2, [r0], #4
    subs r1, r1, #1
    bne 2b
    ldr r0, =(1 << 24) | (4 << 21) | (1 << 19) | 2048
    str r0, [r5, #0xc]
    {_WAIT_DMA}
    mov r0, #0x1000
    add r0, r0, r9
    mov r1, r6
    {SEND}
    rsb r3, r6, #9
3:  ldr r1, [r7]
    cmp r1, r3
    blo 3b
    subs r6, r6, #1
    bne 1b
"""


def ring(**options):
    chip, monitor = booted(**options)
    monitor.route([(0x1000 + v, 0xFFFFFFFF, [v % 16 + 1]) for v in range(1, 17)])
    data = np.random.default_rng(1).integers(0, 1 << 32, 20 * 1024, "u4")
    monitor.write(SDRAM, data.tobytes())
    monitor.load(program(RING, dma=f"ldr r0, ={_DMA_DONE}\nstr r1, [r0]"), range(1, 17))
    outcome = chip.run(10_000_000)
    assert outcome.reason == "asleep" and not outcome.lost, outcome
    return chip, monitor


def digest(chip: Chip, clocks: bool = True) -> str:
    found = hashlib.sha256(chip.sdram[3 << 20 : 4 << 20].tobytes())
    for core in chip.cores.made:
        found.update(core.memories.dtcm[:0xF000].tobytes())
        if clocks:
            found.update(repr((core.now, core.counters, core.latency, core.dma.busy_cycles)).encode())
    if clocks:
        found.update(chip.system_ram.memory.tobytes())
        found.update(repr(chip.cycles).encode())
    return found.hexdigest()


def test_the_number_of_threads_changes_nothing(monkeypatch):
    for name in ("_WORTH", "_SHARE"):  # help always, however little there is to do
        monkeypatch.setattr(f"spinntensor.emulator.team.{name}", 0.0)
    assert len({digest(ring(threads=threads)[0]) for threads in (1, 2, 3, 2)}) == 1


def test_the_quantum_changes_no_result_of_a_program_without_races():
    assert len({digest(ring(quantum=q)[0], clocks=False) for q in (300, 2_000, 10_000, 100_000)}) == 1


def test_cores_share_the_sdrams_bandwidth():
    """Sixteen cores stream without a pause: together they get the capacity, and no more."""
    main = f"""
        ldr r0, ={SDRAM}
        str r0, [r5, #4]
        ldr r0, ={DATA}
        str r0, [r5, #8]
        ldr r0, =(1 << 24) | (4 << 21) | 4096
        str r0, [r5, #0xc]
        str r0, [r5, #0xc]
    1:  {WAIT}
        b 1b
    """
    again = "ldr r1, =(1 << 24) | (4 << 21) | 4096\nstr r1, [r0, #0xc]"
    for cores, rate in ((range(1, 17), 3.0), (range(1, 2), 4 / 3)):
        chip, _ = started(main, cores, dma=again)
        chip.run(500_000)
        begin, before = chip.cycles, sum(c.dma.moved(chip.cycles) for c in chip.cores.made)
        chip.run(2_000_000)
        moved = sum(c.dma.moved(chip.cycles) for c in chip.cores.made) - before
        assert moved / (chip.cycles - begin) == pytest.approx(rate, rel=0.02)
        shares = [c.dma.bytes_moved for c in chip.cores.made]
        assert min(shares) > 0.95 * max(shares)


def test_facts_can_be_changed():
    facts = ChipFacts(core=CoreFacts(sdram_cycles=50), interrupt_entry_cycles=9)
    assert set(ChipFacts.sources()) >= {"sdram_bytes_per_s", "fiq_take_cycles", "router_clock_hz"}
    chip, _ = started("mov r0, #0x60000000\nldr r0, [r0]", options={"facts": facts})
    plain, _ = started("mov r0, #0x60000000\nldr r0, [r0]")
    chip.run()
    plain.run()
    assert chip.cores[1].now - plain.cores[1].now >= 30


# What a run reports.


def test_a_run_ends_at_its_limit_or_when_stopped():
    chip, _monitor = started("1: b 1b", (2,))
    outcome = chip.run(25_000)
    assert (outcome.reason, outcome.cycle) == ("limit", 25_000)
    assert outcome.cores[0].state == "awake"
    chip.before_stretch.append(lambda cycle: chip.stop() if cycle >= 60_000 else None)
    assert chip.run(1_000_000).reason == "stopped"
    assert chip.cycles < 90_000


def test_no_progress_is_told_with_names():
    chip, _monitor = started("waiting: " + WAIT + "b waiting", (2, 5))
    chip.symbols({"start": 0, "main": 0x20})
    outcome = chip.run(1_000_000)
    assert outcome.reason == "asleep"
    assert [state.core for state in outcome.cores] == [2, 5]
    assert all(state.state == "asleep" and state.symbol.startswith("main+") for state in outcome.cores)
    assert "asleep since cycle" in str(outcome)


def test_cores_that_do_not_exist_are_refused():
    chip, monitor = booted()
    with pytest.raises(IndexError, match="from 0 to 17"):
        chip.cores[18]
    with pytest.raises(ValueError, match="virtual cores 1 to 17"):
        monitor.load(program(""), [0])
    with pytest.raises(ValueError, match="SDRAM at"):
        monitor.read(0x50000000, 4)
    with pytest.raises(ValueError, match="quantum"):
        Chip(quantum=0)


def test_strict_chips_check_programs():
    chip, monitor = booted(strict=True)
    monitor.load(program(f"ldr r1, ={DATA}\nstr r1, [r1]\nstr r1, [r1, #4]"), [1])
    core = chip.core_of(1)
    core.allow_store(COUNT, 0x100)
    core.allow_store(DATA, 4)
    outcome = chip.run(100_000)
    assert outcome.reason == "fault"
    (record,) = outcome.faults
    assert (record.fault.kind, record.fault.address) == ("store outside the allowed memory", DATA + 4)


def test_sixteen_computing_cores_are_fast_enough():
    main = (
        """
        mov r1, #0x00400000
        ldr r0, =100000000
    1:  ldr r2, [r1]
        ldr r3, [r1, #4]
    """
        + "smlabb r6, r2, r3, r6\nsmlatb r7, r2, r3, r7\n" * 8
        + """
        subs r0, r0, #1
        bne 1b
    """
    )
    chip, _ = started(main, range(1, 17), options={"threads": 1})
    chip.run(1_000_000)
    best = 0.0
    for _ in range(3):
        before = sum(core.counters.instructions for core in chip.cores.made)
        begin = time.process_time()
        chip.run(500_000)
        taken = time.process_time() - begin
        best = max(best, (sum(core.counters.instructions for core in chip.cores.made) - before) / taken / 1e6)
    assert best > 60, f"{best:.0f} million instructions per second"  # over 400 on a quiet machine


def test_chips_that_nobody_needs_are_freed_before_they_are_many():
    gc.collect()
    before = len(ALIVE)
    gc.disable()  # whose turn would come only after many small objects
    try:
        for _ in range(30):
            Chip()
    finally:
        gc.enable()
    assert len(ALIVE) <= max(8, 2 * before) + 1
