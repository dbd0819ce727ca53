"""The monitor that plays SC&MP: what programs find, loading, signals, mailboxes, text, router entries."""

from __future__ import annotations

import struct

import pytest

pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")

import itertools

from emulator.programs import DATA, SDRAM, SEND, WAIT, booted, program, word

from spinntensor.emulator import aplx
from spinntensor.emulator.aplx import AplxError
from spinntensor.emulator.sv import SV, SV_FIELDS, SYSTEM_RAM, VCPU, Fields

BARRIER = f"""
    mov r0, #8
    strb r0, [r8, #0x2e]
    ldr r3, =0xe2000000
    mov r2, #1
1:  {WAIT}
    ldr r1, [r3, #0x58]
    tst r1, r2, lsl r9
    bne 1b
    mov r0, #7
    strb r0, [r8, #0x2e]
    mov r0, #9
    strb r0, [r8, #0x2e]
1:  {WAIT}
    ldr r1, [r3, #0x58]
    tst r1, r2, lsl r9
    beq 1b
"""


def test_the_barrier_opens_with_sync0_then_with_sync1():
    chip, monitor = booted()
    monitor.load(program(BARRIER), [1, 2, 3])
    states = []
    for signal in (None, "sync0", "sync1"):
        if signal:
            monitor.signal(signal)
        assert chip.run(1_000_000).reason == "asleep"
        states.append([monitor.vcpu(v).state for v in (1, 2, 3)])
    assert states == [["SYNC0"] * 3, ["SYNC1"] * 3, ["EXIT"] * 3]


def test_only_the_application_that_is_meant_gets_a_signal():
    chip, monitor = booted()
    monitor.load(program(BARRIER), [1], app_id=30)
    monitor.load(program(BARRIER), [2], app_id=31)
    chip.run(100_000)
    monitor.signal("sync0", app_id=31)
    chip.run(100_000)
    assert [monitor.vcpu(v).state for v in (1, 2)] == ["SYNC0", "SYNC1"]
    assert monitor.vcpu(2).app_id == 31
    monitor.signal("stop", app_id=31)
    assert monitor.vcpu(2).state == "IDLE"
    with pytest.raises(ValueError, match="expected one of init, pwrdn"):
        monitor.signal("sync2")


# Answers a message in its own buffer: cmd + 1, arg1 + 1; a signal is put in user1.
ANSWER = """
    ldrb r0, [r8, #0x38]
    ldr r1, [r8, #0x30]
    cmp r0, #3
    streq r1, [r8, #0x74]
    cmp r0, #1
    bne 8f
    ldrh r2, [r1, #16]
    add r2, r2, #1
    strh r2, [r1, #16]
    ldr r2, [r1, #20]
    add r2, r2, #1
    str r2, [r1, #20]
    ldr r2, [r1, #32]
    str r2, [r8, #0x70]
    str r1, [r8, #0x34]
    mov r2, #1
    strb r2, [r8, #0x39]
    ldr r3, =0xe2000000
7:  ldr r2, [r3, #0x104]
    tst r2, #1 << 31
    bne 7b
    ldr r2, =0xe5007fec
    ldr r12, [r2]
    mov r1, #1
    orr r1, r12, r1, lsl r9
    str r1, [r2]
    cmp r12, #0
    ldr r2, =0x5ec00001
    streq r2, [r3, #8]
    ldr r2, [r3, #0x184]
8:  mov r0, #0
    strb r0, [r8, #0x38]
"""


def test_messages_are_delivered_and_answered():
    chip, monitor = booted()
    monitor.load(program("1: " + WAIT + "b 1b", cpu=ANSWER), [1, 2])
    chip.run(100_000)
    for n in range(5):
        monitor.message(1, 3, 10 * n, n, 100 + n, data=b"text")
    monitor.message(2, 1, 7, 9, 41)
    assert chip.run(1_000_000).reason == "asleep"
    answers = [(m.core, m.cmd, m.seq, m.arg1, m.data) for m in monitor.messages]
    assert sorted(answers) == [*((1, 10 * n + 1, n, 101 + n, b"text") for n in range(5)), (2, 8, 9, 42, b"")]
    assert monitor.vcpu(1).user0 == int.from_bytes(b"text", "little")
    sv = Fields(chip.memory, SV, SV_FIELDS)
    assert (sv["shm_count"], sv["mbox_flags"], chip.system_controller.locks) == (0, 0, 0)
    free, seen = sv["shm_free"], set()
    while free:
        seen.add(free)
        (free,) = struct.unpack("<I", monitor.read(free, 4))
    assert len(seen) == 7, "no buffer is lost"


def test_signals_come_through_the_mailbox():
    chip, monitor = booted()
    monitor.load(program("1: " + WAIT + "b 1b", cpu=ANSWER), [4])
    chip.run(100_000)
    for name, number in (("usr2", 12), ("exit", 8), ("pause", 6)):
        monitor.signal(name)
        chip.run(100_000)
        assert monitor.vcpu(4).user1 == number
    with pytest.raises(ValueError, match="at most 256"):
        monitor.message(4, 1, 1, 1, data=bytes(257))


def test_text_of_a_core_is_read_back():
    main = """
        ldr r1, [r8, #0x58]
        add r2, r1, #16
        adr r3, 8f
        mov r6, #0
    1:  ldrb r0, [r3], #1
        cmp r0, #0
        strbne r0, [r2], #1
        addne r6, r6, #1
        bne 1b
        str r6, [r1, #12]
        b done
    8:  .asciz "tile 3 done\\n"
        .balign 4
    """
    chip, monitor = booted()
    monitor.load(program(main), [1, 9])
    chip.run(100_000)
    assert monitor.iobuf(1) == monitor.iobuf(9) == "tile 3 done\n"
    assert monitor.iobuf(2) == ""
    following = monitor.heap.start
    monitor.write(following, struct.pack("<4I", 0, 0, 0, 4) + b"more")
    monitor.write(monitor.vcpu(1).iobuf, struct.pack("<I", following))
    assert monitor.iobuf(1) == "tile 3 done\nmore"


def test_programs_find_what_scamp_leaves():
    chip, monitor = booted(sdram_bytes=64 << 20)
    sv = Fields(chip.memory, SV, SV_FIELDS)
    assert (sv["cpu_clk"], sv["num_cpus"], sv["iobuf_size"], sv["sw_ver"]) == (200, 18, 16384, 0x40000)
    assert monitor.read(SV + 0x94, 18) == monitor.read(SV + 0xA8, 18) == bytes(range(18))
    assert chip.system_controller.ok == (1 << 18) - 1
    assert (chip.router.monitor_core, chip.router.wait) == (0, 360)
    for root, end in ((sv["sdram_heap"], 0x60000000 + (56 << 20)), (sv["sysram_heap"], SYSTEM_RAM + 0x7000)):
        free, first, last, nbytes = struct.unpack("<4I", monitor.read(root, 16))
        assert (last, nbytes) == (end - 8, end - 16 - free)
        at = first
        while at != last:
            at, _ = struct.unpack("<2I", monitor.read(at, 8))
    assert monitor.heap.stop == 0x60000000 + (56 << 20) - 8


def test_registers_and_block_at_the_start():
    chip, monitor = booted()
    text = "mov r6, sp\nstr r0, [r4]\n1: " + WAIT + "b 1b"
    from asm import assemble

    monitor.load(aplx.pack(assemble("mov r4, #0x400000\nmrs r5, cpsr\n" + text)), [2], app_id=77, wait=True)
    vcpu = monitor.vcpu(2)
    assert (vcpu.state, vcpu.app_id, vcpu.phys_cpu) == ("INIT", 77, 2)
    assert chip.system_controller.flags == 1 << 2
    chip.run(1000)
    core = chip.core_of(2)
    assert core.registers[5:7] == (0xD3, 0x0040FFE8)
    assert word(core, 0x400000) == 1 << 8 | 77
    monitor.write(0x400004, b"data", core=2)
    assert monitor.read(0x400000, 8, core=2)[4:] == b"data"


def test_the_clock_of_milliseconds_advances():
    main = """
        ldr r6, =0xe5007f00
        ldr r0, [r6, #0x10]
        str r0, [r8, #0x70]
        ldr r7, =400000
    1:  subs r7, r7, #1
        bne 1b
        ldr r0, [r6, #0x10]
        str r0, [r8, #0x74]
    """
    chip, monitor = booted()
    monitor.load(program(main), [1])
    chip.run()
    assert monitor.vcpu(1).user[:2] == (0, 400_000 * 4 // 200_000)
    assert int.from_bytes(monitor.read(SV + 0x10, 8), "little") == chip.cycles // 200_000


def test_marks_keep_what_was_counted():
    main = "1: mov r0, #0\n" + "add r0, r0, #1\nstr r0, [r8, #0x7c]\n" * 3 + "str r0, [r8, #0x78]"
    chip, monitor = booted()
    monitor.load(program(main), [1])
    chip.run(100_000)
    marks = chip.core_of(1).marks
    assert [m.value for m in marks] == [1, 2, 3]
    steps = [b.cycle - a.cycle for a, b in itertools.pairwise(marks)]
    assert steps == [21, 21], "one instruction and a store to System RAM of 20 cycles"
    assert marks[0].counters.instructions > 50
    assert monitor.vcpu(1).user3 == 3


# APLX files.


def image(*records: tuple[int, int, int, int], data: bytes = b"") -> bytes:
    return b"".join(struct.pack("<4I", *r) for r in records) + data


def test_tables_are_performed_in_steps_of_32_bytes():
    placed: dict[int, bytes] = {}
    table = image(
        (2, 0x100, 64, 5), (3, 0x400000, 40, 0xABCD), (1, 0x400100, 0x60000000, 32), (4, 0x20, 0, 0),
        data=bytes(range(64)),
    )  # fmt: skip
    entry = aplx.perform(table, placed.__setitem__, lambda at, n: b"S" * n)
    assert entry == 0x20
    assert placed == {
        0x100: bytes(range(32)),
        0x400000: bytes([0xCD, 0xAB, 0, 0]) * 16,
        0x400100: b"S" * 32,
    }


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (image((0, 0, 0, 0)), "end of the table, expected EXEC"),
        (image((2, 0, 16, 100)), "data up to byte 116, expected a file of 16"),
        (image((4, 0x9000, 0, 0)), "EXEC 0x9000"),
        (b"", "byte 0"),
    ],
)
def test_tables_that_cannot_be_performed(table, match):
    with pytest.raises(AplxError, match=match):
        aplx.perform(table, lambda *_: None, lambda at, n: bytes(n))


def test_a_packed_file_places_code_data_and_zeros():
    placed: dict[int, bytes] = {}
    packed = aplx.pack(b"code" * 3, b"data" * 2, 16)
    assert aplx.perform(packed, placed.__setitem__, lambda at, n: bytes(n)) == 0
    assert placed[0][:12] == b"code" * 3 and placed[0x400000][:8] == b"data" * 2
    assert placed[0x400008] == bytes(32)


# Routes.


def test_routes_name_virtual_cores_and_run_out():
    chip, monitor = booted()
    main = f"cmp r9, #1\nbne 1f\nldr r0, =0x12345678\nmov r1, #5\n{SEND}\n1: {WAIT}"
    monitor.route([(0x12340000, 0xFFFF0000, [2, 3]), (0x12345678, 0xFFFFFFFF, [4])])
    monitor.load(program(main), [1, 2, 3, 4])
    chip.run(100_000)
    assert [chip.core_of(v).comms.received_count for v in (1, 2, 3, 4)] == [0, 1, 1, 0], (
        "the first entry wins"
    )
    with pytest.raises(ValueError, match="never match"):
        monitor.route([(3, 2, [1])])
    with pytest.raises(ValueError, match="1021 of 1024 are free"):
        monitor.route([(0, 0xFFFFFFFF, [1])] * 1022)
    monitor.clear_routes()
    monitor.route([(0, 0xFFFFFFFF, [1])] * 1023)


def test_packets_for_the_monitor_are_handed_to_it():
    chip, monitor = booted()
    main = "mov r0, #0x400000\nstr r0, [r10]\nmov r0, #0x33\nstr r0, [r10, #4]\nmov r0, #0\nstr r0, [r10, #8]"
    monitor.load(program(main), [1])
    assert not chip.run(100_000).lost
    ((cycle, packet),) = monitor.packets
    assert (packet.kind, packet.payload, packet.source) == (1, 0x33, 1) and cycle < chip.cycles + 100


def test_loading_again_resets_dma_and_packets_and_leaves_the_vic():
    chip, monitor = booted(quantum=1000)
    monitor.route([(0x100, 0xFFFFFFFF, [1])])
    busy = f"mov r0, #0xdf\nmsr cpsr_c, r0\nmov r0, #0x100\nmov r1, #1\n{SEND}"
    busy += f"ldr r0, ={SDRAM}\nstr r0, [r5, #4]\nldr r0, ={DATA}\nstr r0, [r5, #8]\nldr r0, =0x7ffc\n"
    monitor.load(program(busy + "str r0, [r5, #0xc]\nstr r0, [r5, #0xc]\n1: b 1b"), [1])
    chip.run(10_000)
    core = chip.core_of(1)
    assert core.comms.occupied and core.dma.status & 5 == 5 and core.vic.enable
    monitor.load(program(""), [1])
    assert not core.comms.occupied and core.dma.status == 1 << 24 | 1 << 17
    assert core.vic.enable
    assert chip.run(1_000_000).reason == "asleep" and core.latency.irqs == core.latency.fiqs == 0


def test_loading_again_starts_anew():
    chip, monitor = booted()
    monitor.load(program(f"ldr r0, ={DATA}\nmov r1, #1\nstr r1, [r0]"), [1])
    chip.run(100_000)
    later = chip.cycles
    monitor.load(program(f"ldr r0, ={DATA}\nldr r1, [r0]\nstr r1, [r8, #0x70]"), [1])
    assert monitor.vcpu(1).state == "INIT"
    chip.run(100_000)
    assert monitor.vcpu(1).user0 == 1, "the DTCM keeps what it had"
    assert chip.cycles > later
    with pytest.raises(ValueError, match="at least"):
        booted(sdram_bytes=1 << 20)
    assert monitor.read(SDRAM, 4) == bytes(4) and VCPU == SYSTEM_RAM + 0x7000
