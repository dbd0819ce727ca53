"""Sharing the SDRAM among DMA controllers, without cores: rates, debts, and changing the pace of one transfer."""

from __future__ import annotations

import pytest

from spinntensor.emulator import dma
from spinntensor.emulator.contention import Contention
from spinntensor.emulator.dma import ADRS, ADRT, CTRL, DESC, PARTS, Dma
from spinntensor.emulator.facts import CoreFacts
from spinntensor.emulator.memory import Memories, new_sdram

SDRAM, DTCM = 0x60000000, 0x00400000


def controllers(count: int) -> list[Dma]:
    shared = new_sdram(1 << 16)
    made = [Dma(Memories(shared), CoreFacts(physical_core=n)) for n in range(count)]
    for one in made:
        one.write(CTRL, 4, 0x3F, 0)
        one.write(CTRL, 4, 0x0D, 0)
    return made


def submit(one: Dma, cycle: int, nbytes: int) -> None:
    one.write(ADRS, 4, SDRAM, cycle)
    one.write(ADRT, 4, DTCM, cycle)
    one.write(DESC, 4, dma.WIDE | 4 << 21 | nbytes, cycle)


def stream(made: list[Dma], shared: Contention, cycle: int, until: int, quantum: int, pause: int = 0) -> int:
    """Keep all busy, each pausing after a transfer of 1 KB; bytes moved."""
    before = sum(one.moved(cycle) for one in made)
    resume = dict.fromkeys(range(len(made)), cycle)
    while cycle < until:
        shared.share(made, cycle)
        for n, one in enumerate(made):
            now = cycle
            while now < cycle + quantum:
                one.advance(now)
                if one.end is None and resume[n] <= now:
                    submit(one, now, 1024)
                    resume[n] = (one.end or now) + pause
                now = one.end if one.end is not None and one.end > now else max(resume[n], now + 1)
        cycle += quantum
    return sum(one.moved(cycle) for one in made) - before


@pytest.mark.parametrize("count", [1, 2, 3, 8, 16])
@pytest.mark.parametrize("pause", [0, 3000])
@pytest.mark.parametrize("quantum", [1000, 10_000])
def test_rates(count, pause, quantum):
    made, shared = controllers(count), Contention(3.0)
    stream(made, shared, 0, 400_000, quantum, pause)
    rate = stream(made, shared, 400_000, 1_400_000, quantum, pause) / 1_000_000
    assert rate <= 3.0 * 1.01
    # In step, all pause at the same time; out of step, the memory never does.
    in_step = count * 1024 / (max(768, count * 1024 / 3) + 20 + pause)
    alone = count * 1024 / (20 + 768 + pause)
    assert 0.96 * in_step <= rate <= 1.01 * min(3.0, alone)
    if not pause:
        assert rate == pytest.approx(min(3.0, alone), rel=0.02)


def test_a_burst_is_paid_back():
    made, shared = controllers(16), Contention(3.0)
    shared.share(made, 0)
    for one in made:
        submit(one, 0, 0x4000)
    shared.share(made, 10_000)
    assert shared.owed > 150_000
    assert made[0].pace > 20 * PARTS
    for cycle in range(20_000, 400_000, 10_000):
        shared.share(made, cycle)
    assert sum(one.bytes_moved for one in made) == 16 * 0x4000
    assert made[0].log[0].end > 40_000, "what was moved too fast is paid for at half speed"
    assert shared.owed <= 0 and made[0].pace == 3 * PARTS


def test_the_pace_changes_within_a_transfer():
    (one,) = controllers(1)
    submit(one, 0, 400)
    assert one.end == 20 + 300
    one.set_pace(6 * PARTS, 20 + 150)
    assert one.end == 20 + 150 + 300
    assert one.moved(20 + 150 + 60) == 4 * 60
    one.set_pace(1, 20 + 150 + 60)
    assert one.pace == 3 * PARTS, "never faster than alone"
    assert one.end == 20 + 150 + 60 + 120
    one.advance(one.end)
    assert (one.bytes_moved, one.busy_cycles, one.transfers) == (400, 350, 1)


def test_a_change_before_the_first_word_is_for_the_whole_transfer():
    (one,) = controllers(1)
    submit(one, 100, 40)
    one.set_pace(4 * PARTS + PARTS // 2, 110)
    assert one.end == 120 + 45
