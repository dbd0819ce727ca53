"""What a core promises its users: calls, memory, faults that explain themselves, many cores and threads."""

from __future__ import annotations

import pickle
import resource
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from asm import assemble

pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")

from conditions import holds

from spinntensor.emulator.core import Core
from spinntensor.emulator.counters import Counters
from spinntensor.emulator.facts import CoreFacts
from spinntensor.emulator.faults import AddressError, CoreFault
from spinntensor.emulator.memory import new_sdram
from spinntensor.errors import MissingDependencyError

DATA = 0x00400100

# r0: address of n words, n in the word before; sums them into r0.
SUM = """
    ldr r1, [r0, #-4]
    mov r2, #0
1:  ldr r3, [r0], #4
    subs r1, r1, #1
    add r2, r2, r3
    bne 1b
    mov r0, r2
    bx lr
"""


def loaded(text: str, **options) -> Core:
    core = Core(**options)
    core.load(assemble(text), {"main": 0})
    return core


def test_a_call_computes_and_counts():
    core = loaded(SUM)
    core.write(DATA - 4, np.array([5, 10, 20, 30, 40, 50], "<u4").tobytes())
    counters = core.call("main", DATA)
    assert core.registers[0] == 150
    # BL, two set-up instructions, five rounds of 6 cycles less 2 for the last branch, MOV, BX.
    assert counters.cycles == 3 + 2 + 5 * 6 - 2 + 1 + 3
    assert counters.instructions == 1 + 2 + 5 * 4 + 2
    assert core.profile() == {"main": counters.cycles - 3, "(call)": 3}
    assert core.executions()[2] == 5


def test_counters_subtract_and_accumulate():
    core = loaded(SUM)
    core.write(DATA - 4, np.array([1, 7], "<u4").tobytes())
    first = core.call("main", DATA)
    second = core.call("main", DATA)
    assert first == second
    assert core.counters - first == second
    core.load(assemble("bx lr"), {"main": 0})
    core.call("main")
    assert core.counters - first - second == Counters(instructions=2, cycles=6, issue=2, branch=4)
    assert core.cycles == core.counters.cycles
    assert core.profile() == {"main": 3, "(call)": 3}


def test_registers_at_entry_are_the_same_every_time():
    core = loaded("bx lr")
    core.call("main", 42, sp=0x0040FF00)
    assert core.registers[:3] == (42, 0xBAD00001, 0xBAD00002)
    assert core.registers[13] == 0x0040FF00
    assert core.registers[16] & 0xFF == 0xD3


def test_memory_keeps_what_is_written():
    core = Core(sdram_bytes=4096)
    for address in (0x0, 0x00400000, 0x0040FFFC, 0x60000000, 0x60000FFC):
        core.write(address, b"abcd")
        assert core.read(address, 4) == b"abcd"
    assert core.read(0x70000FFC, 4) == b"abcd"


@pytest.mark.parametrize("address", [0x8000, 0x7FFE, 0x003FFFFF, 0x00410000, 0x60001000, 0x50000000])
def test_memory_that_is_not_there_is_refused(address):
    core = Core(sdram_bytes=4096)
    with pytest.raises(AddressError, match="there is ITCM"):
        core.write(address, b"abcd")
    with pytest.raises(AddressError) as caught:
        core.read(address, 4)
    assert (caught.value.address, caught.value.nbytes) == (address, 4)


def test_code_is_checked():
    core = Core(code_bytes=64)
    with pytest.raises(ValueError, match="whole words"):
        core.load(b"abc")
    with pytest.raises(ValueError, match="at most 64"):
        core.load(bytes(68))
    core.load(assemble("bx lr"))
    with pytest.raises(ValueError, match="entry"):
        core.call(4)
    with pytest.raises(ValueError, match="entry"):
        core.call(2)


def test_code_written_by_the_host_is_timed_anew():
    core = loaded("mov r0, #1; bx lr".replace("; ", "\n"))
    assert core.call("main").cycles == 3 + 1 + 3
    core.write(0, assemble("mul r0, r1, r2"))
    assert core.call("main").cycles == 3 + 2 + 3


FAULTS = {
    "read of unmapped memory": ("mov r1, #0x50000000\nldr r2, [r1, #8]", 4, 0x50000008),
    "write to unmapped memory": ("mov r1, #0x50000000\nstr r2, [r1]", 4, 0x50000000),
    "store to code": ("mov r1, #0\nstr r2, [r1, #16]", 4, 16),
    "fetch from unmapped memory": ("mov r1, #0x50000000\nbx r1", 0x50000000, 0x50000000),
    "undefined instruction": ("nop\n.word 0xe6bf0f31", 4, None),  # rev r0, r1 of ARMv6
    "trap": ("nop\nsvc #0", 4, None),
    "wait for interrupt": ("mov r0, #0\nmcr p15, 0, r0, c7, c0, 4", 4, None),
    "bus error": (
        "mov r1, #0x60000000\nldr r2, [r1, #0x1000 - 4]\nldr r2, [r1, #0x800]!\nldr r2, [r1, #0x800]",
        12,
        0x60001000,
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_faults_tell_what_where_and_what_to_do(kind):
    text, pc, address = FAULTS[kind]
    core = loaded(text + "\nbx lr", sdram_bytes=0x1000)
    with pytest.raises(CoreFault) as caught:
        core.call("main")
    fault = caught.value
    assert (fault.kind, fault.address) == (kind, address)
    if kind != "trap":  # the engine stands behind it already
        assert fault.pc == pc
    assert len(fault.registers) == 17
    assert fault.mend and fault.mend in str(fault)
    if pc < 0x8000:
        assert fault.symbol.startswith("main")
        assert fault.instruction
    assert str(pickle.loads(pickle.dumps(fault))) == str(fault)


def test_a_fault_does_not_spoil_the_next_call():
    core = loaded("cmp r0, #0\nldrne r1, [r0]\nbx lr")
    clean = core.call("main")
    with pytest.raises(CoreFault):
        core.call("main", 0x50000000)
    assert core.call("main") == clean
    assert core.cycles == core.counters.cycles


def test_a_loop_without_end_meets_the_limit():
    core = loaded("nop\n1: b 1b")
    with pytest.raises(CoreFault) as caught:
        core.call("main", max_instructions=1000)
    assert (caught.value.kind, caught.value.pc, caught.value.symbol) == ("instruction limit", 4, "main+0x4")
    assert core.counters.instructions == 1000


@pytest.mark.parametrize(
    "text",
    [
        "adr r1, 1f + 1\nbx r1\n1: .word 0x47704770",  # Thumb: bx lr, bx lr
        "adr r1, 1f + 1\nbx r1\n1: .word 0x4770bf00\n.word 0",
        "nop",  # runs past its end
        "mov r1, #0x1000\nbx r1",
    ],
)
def test_code_that_cannot_be_timed_is_reported(text):
    core = loaded(text)
    with pytest.raises(CoreFault) as caught:
        core.call("main")
    assert caught.value.kind == "untimed code"


def test_return_to_thumb_is_reported():
    core = loaded("orr lr, lr, #1\nbx lr")
    with pytest.raises(CoreFault, match="Thumb"):
        core.call("main")


def test_a_conditional_return_is_counted_to_the_end():
    core = loaded("cmp r0, r0\nbxeq lr")
    assert core.call("main").cycles == 3 + 1 + 3


def test_conditions_follow_the_flags():
    n, z, c, v = 1 << 31, 1 << 30, 1 << 29, 1 << 28
    true = (z, 0, c, 0, n, 0, v, 0, c, z | c, n | v, n, 0, z, 0)
    false = (0, z, 0, c, 0, n, 0, v, z | c, c, v, 0, z, 0)
    assert all(holds(condition, flags) for condition, flags in enumerate(true))
    assert not any(holds(condition, flags) for condition, flags in enumerate(false))


def test_access_times_come_from_the_facts():
    text = "mov r1, #0x60000000\nldr r2, [r1]\nmov r1, #0x30000000\nldr r2, [r1, #4]\nbx lr"
    slow = loaded(text, facts=CoreFacts(sdram_cycles=30, peripheral_cycles=7))
    assert slow.call("main").peripheral == 29 + 6
    assert set(CoreFacts.sources()) >= {"sdram_cycles", "peripheral_cycles", "dma_word_cycles"}


def test_cores_share_an_sdram():
    sdram = new_sdram(4096)
    writer = loaded("mov r1, #0x60000000\nstrh r0, [r1, #2]\nbx lr", sdram=sdram)
    reader = loaded("mov r1, #0x70000000\nldr r0, [r1]\nbx lr", sdram=sdram)
    writer.call("main", 0x1234)
    reader.call("main")
    assert reader.registers[0] == 0x12340000


class Clock:
    """A device that tells the time of the access, and remembers what is written."""

    def __init__(self):
        self.seen = []

    def read(self, offset, size, cycle):
        return cycle

    def write(self, offset, size, value, cycle):
        self.seen.append((offset, size, value, cycle))

    def advance(self, cycle):
        pass


def test_devices_are_given_the_exact_cycle():
    core, clock = Core(), Clock()
    core.attach(clock, 0x12000000)
    reads = "mov r1, #0x12000000\nldr r2, [r1]\nldrb r5, [r0]\nadd r5, r5, #1\nldr r3, [r1]"
    code = assemble(f"{reads}\nstr r3, [r1, #8]\nbx lr")
    core.load(code, {"main": 0})
    core.call("main", DATA)
    _, _, early, late = core.registers[:4]
    assert early == 3 + 1
    assert late - early == 5 + 1 + 2 + 1
    # The store waits for the loaded value: one cycle, as part of the store.
    assert clock.seen == [(8, 4, late, late + 5)]


def test_a_device_that_fails_stops_the_call():
    class Broken(Clock):
        def read(self, offset, size, cycle):
            raise RuntimeError("out of order")

    core = loaded("mov r1, #0x12000000\nldr r2, [r1]\nbx lr")
    core.attach(Broken(), 0x12000000)
    with pytest.raises(RuntimeError, match="out of order"):
        core.call("main")


def test_without_unicorn_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "unicorn", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'spinntensor\[emulator\]'"):
        Core()


def test_two_threads_drive_two_cores():
    words = np.arange(1, 2001, dtype="<u4")

    def work(rounds: int) -> list[tuple[Counters, int]]:
        core = loaded(SUM)
        core.write(DATA - 4, np.array([2000], "<u4").tobytes() + words.tobytes())
        return [(core.call("main", DATA), core.registers[0]) for _ in range(rounds)]

    alone = work(30)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, [30, 30])) == [alone, alone]
    assert alone[0][1] == int(words.sum())


def test_two_hundred_cores_fit_one_process():
    sdram, code = new_sdram(1 << 20), assemble(SUM)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cores = []
    for n in range(200):
        core = Core(sdram=sdram)
        core.load(code, {"main": 0})
        core.write(DATA - 4, np.array([3, n, n, n], "<u4").tobytes())
        cores.append(core)
    results = {core.call("main", DATA) for core in cores}
    assert len(results) == 1
    assert [core.registers[0] for core in cores] == [3 * n for n in range(200)]
    if sys.platform == "linux":
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert grown / 200 < 5, f"{grown / 200:.1f} MB per core"
