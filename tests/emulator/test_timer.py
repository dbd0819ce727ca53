"""The timers: counting down, prescale, wrap, and what is refused."""

import pytest

from spinntensor.emulator.core import Core
from spinntensor.emulator.faults import BusError
from spinntensor.emulator.timer import Timers
from tests.asm import assemble

LOAD, COUNT, CONTROL = 0x00, 0x04, 0x08
FREE_RUN, PERIODIC, ONE_SHOT = 0x82, 0xC2, 0x83


def started(control, load=100):
    timers = Timers()
    timers.write(LOAD, 4, load, 0)
    timers.write(CONTROL, 4, control, 0)
    return timers


@pytest.mark.parametrize(
    "control,cycle,count",
    [
        (FREE_RUN, 0, 100),
        (FREE_RUN, 30, 70),
        (FREE_RUN, 101, 0xFFFFFFFF),
        (0x80, 101, 0xFFFF),  # 16 bits
        (PERIODIC, 101, 100),
        (PERIODIC, 303, 100),
        (ONE_SHOT, 500, 0),
        (FREE_RUN | 1 << 2, 33, 98),  # a sixteenth of the clock
        (FREE_RUN | 2 << 2, 256, 99),
        (0x02, 50, 100),  # not enabled
    ],
)
def test_count(control, cycle, count):
    assert started(control).read(COUNT, 4, cycle) == count


def test_two_timers_are_independent():
    timers = started(FREE_RUN)
    timers.write(0x20 + LOAD, 4, 7, 0)
    assert timers.read(0x20 + COUNT, 4, 50) == 7
    assert timers.read(COUNT, 4, 50) == 50


@pytest.mark.parametrize("offset,value", [(CONTROL, 0xA2), (CONTROL, 0x8E), (COUNT, 1), (0x40, 1)])
def test_refusals(offset, value):
    with pytest.raises(BusError):
        Timers().write(offset, 4, value, 0)


def test_a_program_reads_its_own_cycles():
    """Between two reads lie the first read's four extra cycles, its issue cycle, and three instructions."""
    core = Core()
    core.load(
        assemble(
            """
            mov r1, #0x11000000
            mvn r2, #0
            str r2, [r1]
            mov r2, #0x82
            str r2, [r1, #8]
            ldr r2, [r1, #4]
            nop
            nop
            nop
            ldr r3, [r1, #4]
            sub r0, r2, r3
            bx lr
            """
        )
    )
    core.call(0)
    assert core.registers[0] == core.facts.peripheral_cycles + 3
