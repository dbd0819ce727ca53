"""The router alone: entries, default routes, links, waiting and dropping, registers, counters."""

from __future__ import annotations

import pytest

from spinntensor.emulator import router
from spinntensor.emulator.facts import ChipFacts
from spinntensor.emulator.faults import BusError
from spinntensor.emulator.packets import Packet
from spinntensor.emulator.router import Router, wait_cycles

FACTS = ChipFacts(packet_cycles=30)


class Core:
    """A receiver that can be told to take nothing until a time."""

    def __init__(self, from_=0):
        self.from_, self.got = from_, []

    def accepts(self, cycle):
        return None if self.from_ is None else max(cycle, self.from_)

    def chance_until(self, cycle, wait):
        return cycle + wait

    def receive(self, packet, cycle):
        self.got.append((cycle, packet))


class Made:
    def __init__(self, **options):
        self.cores = {n: Core() for n in range(1, 5)}
        self.monitored, self.held, self.interrupts, self.sent = [], [], [], []
        self.router = Router(
            ChipFacts(packet_cycles=30, **options),
            self.cores.get,
            lambda packet, cycle: self.monitored.append((cycle, packet)) or True,
            lambda *what: self.held.append(what),
            lambda *what: self.interrupts.append(what),
        )
        self.write(router.CONTROL, 0x00400001)

    def write(self, offset, value):
        self.router.write(offset, 4, value, 0, 1)

    def read(self, offset):
        return self.router.read(offset, 4, 0, 1)

    def run(self, until=1_000_000):
        while (cycle := self.router.next_time()) is not None and cycle <= until:
            self.router.step(cycle)

    def send(self, key, cycle=0, **fields):
        self.router.arrive(
            Packet(fields.pop("control", 0), key, None, fields.pop("source", 1), **fields), cycle
        )


@pytest.fixture
def made() -> Made:
    return Made()


def cores(*numbers):
    return sum(1 << 6 + n for n in numbers)


@pytest.mark.parametrize(
    ("code", "cycles"), [(0x00, 0), (0x2F, 108), (0x40, 240), (0x4F, 480), (0x80, 4096), (0xFF, None)]
)
def test_wait_codes_of_the_datasheet(code, cycles):
    assert wait_cycles(code) == cycles


def test_the_lowest_entry_that_matches_wins(made):
    made.router.set_entry(5, 0x100, 0xF00, cores(1))
    made.router.set_entry(3, 0x120, 0xFF0, cores(2, 3))
    made.send(0x123)
    made.send(0x133)
    made.run()
    assert [len(made.cores[n].got) for n in (1, 2, 3, 4)] == [1, 1, 1, 0]
    made.router.set_entry(3, 0xFFFFFFFF, 0, 0)
    made.send(0x123)
    made.run()
    assert [len(made.cores[n].got) for n in (1, 2, 3, 4)] == [2, 1, 1, 0]


def test_time_passes_in_router_cycles(made):
    made.router.set_entry(0, 0, 0, cores(1))
    for n in range(5):
        made.send(n)
    made.run()
    # One packet in each router cycle of 1.5 core cycles, and 30 cycles on the way.
    assert [cycle for cycle, _ in made.cores[1].got] == [30, 32, 33, 35, 36]


def test_packets_that_no_entry_matches(made):
    seen = []
    made.router.links[4] = lambda packet, cycle: seen.append(packet.key)
    made.send(7, link=1, source=-1)
    made.send(8)
    made.run()
    assert seen == [7], "straight on, from link 1 to link 4"
    assert [(lost.why, lost.packet.key, lost.packet.source) for lost in made.router.lost] == [
        ("no route", 8, 1)
    ]
    assert "core 1" in str(made.router.lost[0])


def test_a_link_that_leads_nowhere_loses_the_packet(made):
    made.router.set_entry(0, 0, 0, 1 << 2 | cores(1))
    made.send(9)
    made.run()
    assert len(made.cores[1].got) == 1
    (lost,) = made.router.lost
    assert (lost.why, lost.links) == ("no link", (2,))
    assert made.read(router.DUMP_OUTPUTS) == 1 << 2


def test_a_blocked_packet_waits_and_holds_up_the_others(made):
    made.router.set_entry(0, 1, 1, cores(1))
    made.router.set_entry(1, 0, 1, cores(2))
    made.cores[1].from_ = 300
    made.send(1)
    made.send(2)
    made.run()
    assert [cycle for cycle, _ in made.cores[1].got] == [300]
    assert [cycle for cycle, _ in made.cores[2].got] == [300]
    assert not made.router.lost


def test_a_blocked_packet_is_dropped_after_wait1(made):
    made.router.set_entry(0, 0, 0, cores(1, 2, 3))
    made.cores[1].from_ = made.cores[3].from_ = None
    made.write(router.CONTROL, 0x00400005)
    made.send(0xABC, control=2)
    made.run(389)
    assert made.router.blocked == (1, 3) and len(made.cores[2].got) == 1
    assert made.read(router.STATUS) >> 24 & 3 == 2
    made.run(390)
    (lost,) = made.router.lost
    assert (lost.why, lost.cores, lost.cycle) == ("blocked", (1, 3), 390)
    assert made.interrupts == [(True, 390)]
    assert made.read(router.DUMP_KEY) == 0xABC
    assert made.read(router.DUMP_HEADER) == 7 << 24 | 2 << 16
    assert made.read(router.DUMP_OUTPUTS) == cores(1, 3)
    made.send(0xDEF)
    made.run()
    assert made.read(router.DUMP_KEY) == 0xABC, "the first one stays"
    assert made.read(router.DUMP_STATUS) == router.DUMPED | router.OVERFLOW | cores(1, 3)
    assert made.read(router.DUMP_STATUS) == 0 and made.interrupts[-1][0] is False


def test_wait_for_ever(made):
    made.write(router.CONTROL, 0x00FF0001)
    made.router.set_entry(0, 0, 0, cores(1))
    made.cores[1].from_ = None
    made.send(1)
    made.run()
    assert made.router.blocked == (1,) and not made.router.lost
    made.cores[1].from_ = 12345
    made.run()
    assert made.cores[1].got[0][0] == 12345


def test_a_core_that_is_not_there(made):
    made.router.set_entry(0, 0, 0, cores(9))
    made.send(1)
    made.run()
    assert [(lost.why, lost.cores) for lost in made.router.lost] == [("no core", (9,))]


def test_senders_are_held_while_the_input_is_full():
    made = Made(router_fifo_packets=2)
    made.router.set_entry(0, 0, 0, cores(1))
    made.cores[1].from_ = None
    for n in range(5):
        made.send(n, source=2 + n % 2)
        made.run(0)
    assert made.router.pending == 5
    assert made.held == [(3, True, 0), (2, True, 0)]
    made.cores[1].from_ = 200
    made.run()
    assert sorted(made.held[2:])[:2] == [(2, False, 172), (3, False, 170)]
    assert [packet.key for _, packet in made.cores[1].got] == list(range(5))


def test_point_to_point_and_neighbour_packets(made):
    seen = []
    made.router.links[3] = lambda packet, cycle: seen.append(packet.control)
    made.write(router.P2P_TABLE[0], 0o66666637)
    for to in (0, 1, 2):
        made.send(0x01020000 | to, control=1 << 6)
    made.send(5, control=2 << 6 | 3 << 2)
    made.send(6, control=2 << 6 | 7 << 2)
    made.send(7, control=2 << 6, link=0, source=-1)
    made.run()
    assert seen == [0x40, 0x8C]
    assert [packet.key & 0xFFFF for _, packet in made.monitored] == [0, 6, 7]
    assert [lost.packet.key & 0xFFFF for lost in made.router.lost] == [2]


def test_fixed_routes(made):
    made.write(router.FIXED_ROUTE, cores(2, 4))
    made.send(99, control=3 << 6)
    made.run()
    assert [len(made.cores[n].got) for n in (1, 2, 3, 4)] == [0, 1, 0, 1]


def test_counters_count_what_their_filters_name(made):
    made.router.set_entry(0, 0x10, 0xF0, cores(1))
    rules = (0x01FE7CF1, 0x01FEBCF1, 0x01FE7CF8, 0x0001FCF1)  # local MC, other MC, local FR, dropped MC
    for n, rule in enumerate(rules):
        made.write(router.FILTERS[n], rule)
    made.write(router.DIAGNOSTIC, 0xF)
    made.send(0x10)
    made.send(0x11, link=2, source=-1)
    made.send(0x20)
    made.run()
    assert [made.read(router.COUNTERS[n]) for n in range(4)] == [1, 1, 0, 1]
    made.write(router.DIAGNOSTIC, 1 << 16 | 0xF)
    assert [made.read(router.COUNTERS[n]) for n in range(4)] == [0, 1, 0, 1]
    made.write(router.COUNTERS[1], 5)
    assert made.read(router.COUNTERS[1]) == 5 and made.read(router.FILTERS[3]) == rules[3]


def test_programs_write_entries_too(made):
    made.write(router.KEYS[1023], 0x40)
    made.write(router.MASKS[1023], 0xFFFFFFFF)
    made.write(router.ROUTES[1023], cores(4))
    made.send(0x40)
    made.run()
    assert len(made.cores[4].got) == 1
    assert made.read(router.ROUTES[1023]) == cores(4)
    for where in (router.KEYS, router.MASKS):
        with pytest.raises(BusError, match="only be written"):
            made.read(where[0])
    with pytest.raises(BusError):
        made.write(0x90, 1)
    with pytest.raises(BusError):
        made.router.read(0x4000, 2, 0, 1)
