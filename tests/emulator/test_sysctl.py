"""The system controller by its registers, its locks among cores, and the watchdog."""

from __future__ import annotations

import pytest

from spinntensor.emulator import sysctl
from spinntensor.emulator.faults import BusError
from spinntensor.emulator.sysctl import CODE, SystemController, Watchdog


class Made:
    def __init__(self):
        self.seen, self.released = [], []
        self.controller = SystemController(
            lambda *what: self.seen.append(what), lambda: 0b110, lambda *what: self.released.append(what)
        )

    def read(self, offset):
        return self.controller.read(offset, 4, 0, 1)

    def write(self, offset, value):
        self.controller.write(offset, 4, value, 77, 1)


@pytest.fixture
def made() -> Made:
    return Made()


def test_identity_and_sleep(made):
    assert (made.read(sysctl.CHIP_ID), made.read(sysctl.SLEEP)) == (0x59111012, 0b110)
    assert made.read(sysctl.ARBITRATION[3]) == 0


@pytest.mark.parametrize(("set_", "clear"), [(0x10, 0x14), (0x58, 0x5C), (0x48, 0x4C)])
def test_set_and_clear_pairs(made, set_, clear):
    made.write(set_, 0b1110)
    made.write(clear, 0b0100)
    assert made.read(set_) == made.read(clear) == 0b1010


def test_locks_are_taken_and_freed_by_reading(made):
    assert made.read(sysctl.TEST_AND_SET[5]) == 0
    assert made.read(sysctl.TEST_AND_SET[5]) == 1 << 31
    assert made.read(sysctl.TEST_AND_SET[6]) == 0
    assert made.read(sysctl.TEST_AND_CLEAR[5]) == 1 << 31
    assert made.read(sysctl.TEST_AND_SET[5]) == 0


def test_coded_registers_want_the_code(made):
    made.write(sysctl.SET_IRQ, CODE | 0b101)
    made.write(sysctl.CLR_IRQ, CODE | 0b100)
    assert made.seen == [(0b101, True, 77, 1), (0b100, False, 77, 1)]
    for offset in (sysctl.SET_IRQ, sysctl.CPU_DIS, sysctl.MON_ID):
        with pytest.raises(BusError, match="0x5ec"):
            made.write(offset, 1)


def test_releasing_a_soft_reset_is_told(made):
    made.write(sysctl.SOFT_RST_L, CODE | 0b11)
    made.write(sysctl.SOFT_RST_L, CODE | 0b10)
    assert made.released == [(0b01, 77)]


def test_other_registers_are_stored(made):
    for offset in (sysctl.MISC, sysctl.PLL1, sysctl.CLOCK_MUX, sysctl.DIRECTION):
        made.write(offset, 0x123)
        assert made.read(offset) == 0x123
    made.write(sysctl.MON_ID, CODE | 5)
    assert made.read(sysctl.MON_ID) == 5
    made.write(sysctl.TEMPERATURE[0], 1 << 31)
    assert made.read(sysctl.TEMPERATURE[0]) & 1 << 24


@pytest.mark.parametrize("offset", [0x74, 0x204, 0x30])
def test_refusals(made, offset):
    with pytest.raises(BusError):
        made.write(offset, 0)
    with pytest.raises(BusError):
        made.controller.read(0x10, 2, 0, 1)


def test_the_watchdog_takes_what_it_is_given():
    dog = Watchdog()
    assert dog.read(0, 4, 0, 1) == 0xFFFFFFFF
    dog.write(0xC00, 4, 0x1ACCE551, 0, 1)
    dog.write(8, 4, 0, 0, 1)
    assert dog.read(8, 4, 0, 1) == 0
    with pytest.raises(BusError, match="watchdog has words"):
        dog.read(0x40, 4, 0, 1)


def test_a_lock_guards_a_counter_of_many_cores(monkeypatch):
    """Sixteen cores add to one word of System RAM, each a hundred times, also on several threads."""
    pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")
    from emulator.programs import booted, program

    main = """
        ldr r3, =0xe2000000
        ldr r7, =0xe5000200
        mov r6, #100
    1:  ldr r0, [r3, #0x120]
        tst r0, #1 << 31
        bne 1b
        ldr r1, [r7]
        add r1, r1, #1
        str r1, [r7]
        ldr r0, [r3, #0x1a0]
        subs r6, r6, #1
        bne 1b
    """
    for name in ("_WORTH", "_SHARE"):
        monkeypatch.setattr(f"spinntensor.emulator.team.{name}", 0.0)
    clocks = set()
    for threads in (1, 2):
        chip, monitor = booted(threads=threads, quantum=1000)
        monitor.load(program(main), range(1, 17))
        assert chip.run(10_000_000).reason == "asleep"
        assert monitor.read(0xE5000200, 4) == (1600).to_bytes(4, "little")
        clocks.add(tuple(core.now for core in chip.cores.made))
    assert len(clocks) == 1
