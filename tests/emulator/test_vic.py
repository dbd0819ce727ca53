"""The interrupt controller: select, enable, priorities, the default vector, what it refuses; nesting on a core."""

from __future__ import annotations

import pytest
from emulator.programs import booted, program

from spinntensor.emulator import vic
from spinntensor.emulator.faults import BusError
from spinntensor.emulator.vic import Vic

TIMER, DMA, CPU = 1 << 4, 1 << 12, 1 << 18


class Lines:
    """Remembers every change of the two lines."""

    def __init__(self):
        self.seen = []
        self.vic = Vic(lambda irq, fiq, cycle: self.seen.append((irq, fiq, cycle)))


@pytest.fixture
def made() -> Vic:
    controller = Vic()
    for slot, source in enumerate((12, 4, 18)):
        controller.write(vic.VECTORS[slot], 4, 0x100 * (slot + 1), 0)
        controller.write(vic.CONTROLS[slot], 4, 0x20 | source, 0)
    controller.write(vic.DEFAULT, 4, 0xDEF, 0)
    return controller


def test_a_source_must_be_enabled():
    lines = Lines()
    lines.vic.line(4, True, 10)
    assert not lines.seen and lines.vic.read(vic.RAW, 4, 0) == TIMER
    lines.vic.write(vic.ENABLE, 4, TIMER, 20)
    lines.vic.write(vic.ENABLE, 4, DMA, 21)
    assert lines.seen == [(True, False, 20)]
    assert lines.vic.read(vic.ENABLE, 4, 0) == TIMER | DMA
    assert lines.vic.read(vic.IRQ_STATUS, 4, 0) == TIMER
    lines.vic.write(vic.DISABLE, 4, TIMER, 30)
    assert lines.seen[-1] == (False, False, 30)


def test_selected_sources_go_to_fiq():
    lines = Lines()
    lines.vic.write(vic.SELECT, 4, 1 << 24, 0)
    lines.vic.write(vic.ENABLE, 4, 1 << 24, 0)
    lines.vic.line(24, True, 5)
    assert lines.seen == [(False, True, 5)]
    assert (lines.vic.read(vic.FIQ_STATUS, 4, 0), lines.vic.read(vic.IRQ_STATUS, 4, 0)) == (1 << 24, 0)
    lines.vic.line(24, False, 6)
    assert lines.seen[-1] == (False, False, 6)


def test_priorities_nest(made):
    made.write(vic.ENABLE, 4, TIMER | DMA | CPU, 0)
    made.line(4, True, 1)
    assert made.irq and made.read(vic.VECTOR, 4, 1) == 0x200
    assert not made.irq, "in service: nothing of its priority or below"
    made.line(18, True, 2)
    assert not made.irq
    made.line(12, True, 3)
    assert made.irq and made.read(vic.VECTOR, 4, 3) == 0x100
    made.line(12, False, 4)
    made.write(vic.VECTOR, 4, 0, 4)
    assert not made.irq, "the timer is still in service"
    made.line(4, False, 5)
    made.write(vic.VECTOR, 4, 0, 5)
    assert made.irq and made.read(vic.VECTOR, 4, 6) == 0x300


def test_the_default_vector_is_never_in_service(made):
    made.write(vic.ENABLE, 4, 1 << 7 | TIMER, 0)
    made.line(7, True, 1)
    assert made.irq and made.read(vic.VECTOR, 4, 1) == 0xDEF
    assert made.irq, "it goes on asking"
    made.line(4, True, 2)
    assert made.read(vic.VECTOR, 4, 2) == 0x200
    assert not made.irq, "but not over a vectored one"
    made.line(7, False, 3)
    assert made.read(vic.VECTOR, 4, 3) == 0xDEF, "a spurious read"


def test_soft_interrupts(made):
    made.write(vic.ENABLE, 4, TIMER, 0)
    made.write(vic.SOFT, 4, TIMER, 1)
    assert made.irq and made.read(vic.SOFT, 4, 1) == made.read(vic.RAW, 4, 1) == TIMER
    made.write(vic.SOFT_CLEAR, 4, TIMER, 2)
    assert not made.irq


def test_registers_read_back(made):
    assert made.read(vic.VECTORS[1], 4, 0) == 0x200
    assert made.read(vic.CONTROLS[1], 4, 0) == 0x24
    assert made.read(0xFE0, 4, 0) == 0x90
    made.write(vic.PROTECTION, 4, 3, 0)
    assert made.read(vic.PROTECTION, 4, 0) == 1


@pytest.mark.parametrize(("offset", "size"), [(0x24, 4), (0x140, 4), (0x10, 2), (0x11, 4)])
def test_refusals(made, offset, size):
    with pytest.raises(BusError):
        made.read(offset, size, 0)
    with pytest.raises(BusError):
        made.write(offset, size, 0, 0)


def test_a_higher_priority_interrupts_a_handler_that_opens_its_mask():
    """The soft interrupt's handler lets the timer (a higher slot) in, and loses no register."""
    pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")
    main = """
        mov r6, #0
        mov r1, #2
        str r1, [r4, #0x18]
        add r6, r6, #1
        str r6, [r8, #0x78]
    """
    # In IRQ mode: keep SPSR, go to SYS mode to take interrupts, come back.
    soft = """
        mrs r1, spsr
        stmdb sp!, {r1}
        ldr r0, =0x11000000
        mov r1, #50
        str r1, [r0]
        mov r1, #0xe3
        str r1, [r0, #8]
        mov r0, #0x1f
        msr cpsr_c, r0
    4:  ldr r0, [r8, #0x74]
        cmp r0, #0
        beq 4b
        mov r0, #0x92
        msr cpsr_c, r0
        ldmia sp!, {r1}
        msr spsr_cxsf, r1
        ldr r0, [r8, #0x74]
        add r0, r0, #1
        str r0, [r8, #0x70]
    """
    chip, monitor = booted()
    monitor.load(program(main, soft=soft, timer="mov r1, #40\nstr r1, [r8, #0x74]"), [1])
    assert chip.run(1_000_000).reason == "asleep"
    assert monitor.vcpu(1).user[:3] == (41, 40, 1)
    assert chip.cores[1].latency.irqs == 2
