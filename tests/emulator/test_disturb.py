"""Disturbances: deterministic, slower, and never a different result or a silent loss of a right program."""

from __future__ import annotations

import pytest

pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")

from emulator.programs import COUNT, DATA, PACKETS, SDRAM, SEND, booted, program, words

from spinntensor.emulator.disturb import Disturbance

# Odd cores copy a block by DMA, then tell the even core beside them, which copies it on.
CHAIN = f"""
    ldr r6, ={COUNT}
    tst r9, #1
    bne 2f
1:  ldr r0, [r6]
    cmp r0, #0
    beq 1b
2:  ldr r0, ={SDRAM}
    add r0, r0, r9, lsl #12
    tst r9, #1
    subeq r0, r0, #0x800
    str r0, [r5, #4]
    ldr r1, ={DATA}
    str r1, [r5, #8]
    ldr r1, =(1 << 24) | (4 << 21) | 1024
    str r1, [r5, #0xc]
3:  ldr r1, [r5, #0x14]
    tst r1, #1
    bne 3b
    add r0, r0, #0x800
    str r0, [r5, #4]
    ldr r1, ={DATA}
    str r1, [r5, #8]
    ldr r1, =(1 << 24) | (4 << 21) | (1 << 19) | 1024
    str r1, [r5, #0xc]
4:  ldr r1, [r5, #0x14]
    tst r1, #1
    bne 4b
    tst r9, #1
    beq done
    mov r0, #0x1000
    add r0, r0, r9
    mov r1, r9
    {SEND}
"""

DISTURBANCES = {
    "none": Disturbance(),
    "slow memory": Disturbance(sdram_factor=0.3),
    "slow router": Disturbance(packet_cycles=40),
    "slow interrupts": Disturbance(interrupt_delay=100),
    "stalls": Disturbance(seed=5, stall_probability=0.3, stall_cycles=3000),
    "all": Disturbance(
        seed=9,
        sdram_factor=0.5,
        packet_cycles=10,
        stall_probability=0.2,
        stall_cycles=500,
        interrupt_delay=30,
        wait1=0x80,
    ),
}


def run(disturbance: Disturbance):
    # Even cores read what the odd core below them wrote: its block plus half a page.
    chip, monitor = booted(disturbance=disturbance, quantum=1000)
    monitor.route([(0x1000 + v, 0xFFFFFFFF, [v + 1]) for v in range(1, 17, 2)])
    for v in range(1, 17, 2):
        monitor.write(SDRAM + 0x1000 * v, bytes([v]) * 1024)
    # The even core's source is SDRAM + 0x1000 * v - 0x800: where the odd core below wrote.
    monitor.load(program(CHAIN, enable=1 << 24 | 1 << 18), range(1, 17))
    outcome = chip.run(5_000_000)
    assert outcome.reason == "asleep" and not outcome.lost, outcome
    for v in range(1, 17, 2):
        assert words(chip.core_of(v + 1), PACKETS, 1) == [v]
        assert monitor.read(SDRAM + 0x1000 * (v + 1), 1024) == bytes([v]) * 1024
    return chip


@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_program_without_races_gives_the_same_result(name):
    first, second = run(DISTURBANCES[name]), run(DISTURBANCES[name])
    clocks = [[core.now for core in chip.cores.made] for chip in (first, second)]
    assert clocks[0] == clocks[1], "the same seed, the same disturbance"
    if name not in ("none", "slow interrupts"):  # the memory is the bottleneck, and hides late interrupts
        assert first.cycles > run(DISTURBANCES["none"]).cycles


def test_another_seed_is_another_disturbance():
    chips = [run(Disturbance(seed=n, stall_probability=0.3, stall_cycles=3000)) for n in (1, 2)]
    assert chips[0].cycles != chips[1].cycles


def test_too_little_patience_is_told():
    """Without patience the router drops what a busy handler has not taken; the program's loss has names."""
    main = f"""
        cmp r9, #1
        beq done
        mov r0, #0x100
        mov r1, r9
        {SEND}
    """
    chip, monitor = booted(disturbance=Disturbance(wait1=0, interrupt_delay=50), quantum=200)
    monitor.route([(0x100, 0xFFFFFFFF, [1])])
    monitor.load(program(main), range(1, 9))
    outcome = chip.run(1_000_000)
    taken = chip.core_of(1).comms.received_count
    assert outcome.lost and taken + len(outcome.lost) == 7
    assert all(lost.cores == (1,) and lost.why == "blocked" for lost in outcome.lost)


@pytest.mark.parametrize(
    "wrong",
    [{"sdram_factor": 0}, {"stall_probability": 2}, {"stall_probability": 0.1}, {"wait1": 256}],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        Disturbance(**wrong)
