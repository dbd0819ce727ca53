"""Devices learn the exact instruction, in code that runs often and in code that does not."""

from __future__ import annotations

import pytest

pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")

from emulator.programs import DATA, SDRAM, booted, program

# Touches one word often, then the words of a table once each; the same instructions all the time.
WALK = f"""
    ldr r0, =0x11000000
    mvn r1, #0
    str r1, [r0]
    mov r1, #0x82
    str r1, [r0, #8]
    ldr r6, =20000
    ldr r7, ={{first}}
    ldr r3, ={DATA}
1:  ldr r2, [r7]
    add r1, r1, r2
    subs r6, r6, #1
    bne 1b
    cmp r7, r3
    moveq r7, r0
    addeq r7, r7, #4
    moveq r6, #3
    beq 1b
"""


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    monkeypatch.setattr("spinntensor.emulator.exact._WORTH", 10_000)


def test_blocks_that_reach_no_device_lose_their_hook_and_get_it_back():
    chip, monitor = booted(quantum=2000)
    monitor.load(program(WALK.format(first=DATA)), [1])
    chip.run(60_000)
    core = chip.cores[1]
    hooked = core._exactness._hooked
    assert hooked.sum() == len(hooked) - 4, "the loop's four instructions"
    assert chip.run(1_000_000).reason == "asleep"
    assert core._exactness._hooked.all()
    assert core.counters.cycles == core.awake_cycles


@pytest.mark.parametrize("first", [DATA, SDRAM, 0x11000004])
def test_counts_do_not_depend_on_it(first):
    counts = []
    for strict in (False, True):  # strict chips hook everything
        chip, monitor = booted(strict=strict, quantum=2000)
        monitor.load(program(WALK.format(first=first)), [1])
        core = chip.core_of(1)
        core.place(DATA, bytes(4))
        assert chip.run(10_000_000).reason == "asleep"
        counts.append(core.counters)
    assert counts[0] == counts[1]


def test_an_abort_in_such_a_block_is_still_taken():
    text = f"""
        ldr r6, =20000
        ldr r7, ={DATA}
    1:  ldr r2, [r7]
        add r1, r1, r2
        subs r6, r6, #1
        bne 1b
        ldr r7, =0x67fffffc
        mov r6, #2
        b 1b
    """
    chip, monitor = booted(sdram_bytes=16 << 20)
    monitor.load(program(text), [1])
    outcome = chip.run(1_000_000)
    (record,) = outcome.faults
    assert outcome.reason == "fault" and monitor.vcpu(1).error == "data abort"
    assert (record.fault.kind, record.fault.address) == ("bus error", 0x67FFFFFC)
