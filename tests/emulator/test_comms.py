"""The communications controller by its registers: receiving, sending, sticky bits, interrupts."""

from __future__ import annotations

import pytest

from spinntensor.emulator import comms, vic
from spinntensor.emulator.comms import RKR, RSR, SAR, TCR, TDR, TKR, Comms
from spinntensor.emulator.faults import BusError
from spinntensor.emulator.packets import Packet
from spinntensor.emulator.vic import Vic


class Made:
    def __init__(self):
        self.sent, self.lost = [], []
        self.vic = Vic()
        self.comms = Comms(3, self.vic, 20, lambda p, c: self.sent.append((c, p)), self.lost.append, 40)
        self.comms.advance(0)

    def read(self, offset, cycle=0):
        return self.comms.read(offset, 4, cycle)

    def write(self, offset, value, cycle=0):
        self.comms.write(offset, 4, value, cycle)


@pytest.fixture
def made() -> Made:
    return Made()


def test_reset_values(made):
    assert made.read(TCR) == comms.TX_EMPTY | comms.TX_NOT_FULL
    assert (made.read(RSR), made.read(SAR)) == (0, 0x07000000)
    made.write(comms.TSTR, 3)
    assert made.read(comms.TSTR) == 1


def test_a_packet_with_and_one_without_payload(made):
    made.write(TCR, 0x20000)
    made.write(TDR, 7)
    made.write(TKR, 0x55, 100)
    made.write(TCR, 0, 150)
    made.write(TKR, 0x66, 200)
    assert made.sent == [(120, Packet(2, 0x55, 7, 3)), (220, Packet(0, 0x66, None, 3))]
    assert made.comms.sent_count == 2


def test_full_is_sticky_and_overrun_loses_the_packet(made):
    made.write(TKR, 1, 100)
    assert made.read(TCR, 110) & comms.TX_FULL and not made.read(TCR, 110) & comms.TX_EMPTY
    made.write(TKR, 2, 110)
    assert made.read(TCR, 130) >> 28 == 0b1111, "empty, full (sticky), overrun, not full"
    made.write(TCR, 0, 130)
    assert made.read(TCR, 130) == comms.TX_EMPTY | comms.TX_NOT_FULL
    assert [p.key for _, p in made.sent] == [1]
    assert [(lost.why, lost.packet.key, lost.cycle) for lost in made.lost] == [("overrun", 2, 110)]


def test_a_held_sender_may_write_one_more_packet(made):
    made.comms.hold(True, 0)
    assert not made.read(TCR, 10) & comms.TX_EMPTY
    made.write(TKR, 1, 10)
    made.write(TKR, 2, 50)
    assert [p.key for _, p in made.sent] == [1] and len(made.lost) == 1
    made.comms.hold(False, 100)
    assert made.read(TCR, 100) & comms.TX_EMPTY


def test_received_packets_come_one_by_one(made):
    for n in range(3):
        made.comms.offer(Packet(2, 0x10 + n, n), 50 + n, 100)
    made.comms.show(100)
    assert made.read(RSR) == 1 << 31 | 1 << 28 | 7 << 24 | 2 << 16 | 1
    for n in range(3):
        assert made.read(RSR) >> 31
        assert (made.read(comms.RDR), made.read(RKR, 200)) == (n, 0x10 + n)
    assert made.read(RSR) == 0 and made.comms.received_count == 3
    assert made.read(RKR) == 0x12, "an empty register keeps the last key"
    assert made.comms.received_count == 3


def test_packets_that_came_late_take_turns_in_the_routers_time(made):
    for n in range(3):
        made.comms.offer(Packet(0, n), 50, 1000)
    assert made.comms.ready == 50 + 3 * 40
    made.comms.offer(Packet(0, 9), 2000, 1000)
    assert made.comms.ready == 50 + 3 * 40, "one in time is ready when it is read"
    made.comms.show(1000)
    for cycle in (1010, 1020, 1030):
        made.read(RKR, cycle)
    assert made.comms.next_arrival() == 2000
    made.comms.advance(2000)
    made.read(RKR, 2050)
    assert made.comms.ready == 2050


def test_interrupts_follow_kind_and_buffer(made):
    raw = made.vic.raw
    assert raw == 1 << vic.CC_EMPTY | 1 << vic.CC_NOT_FULL
    for kind, source in enumerate((vic.CC_MC, vic.CC_P2P, vic.CC_NN, vic.CC_FR)):
        made.comms.offer(Packet(kind << 6, 1), 0, 0)
        made.comms.show(0)
        assert made.vic.raw & ~raw == 1 << source | 1 << vic.CC_ANY
        made.read(RKR)
        assert made.vic.raw == raw
    made.write(TKR, 1, 100)
    assert made.vic.raw == 1 << vic.CC_FULL
    made.vic.write(vic.ENABLE, 4, 1 << vic.CC_EMPTY, 100)
    assert made.comms.next_empty() == 120
    made.comms.advance(120)
    assert made.vic.irq


def test_point_to_point_packets_carry_the_source(made):
    made.write(SAR, 0x07000102)
    made.write(TCR, 0x400000)
    made.write(TKR, 0x304)
    assert made.sent[0][1].key == 0x01020304
    made.write(SAR, 0x02000000)
    made.write(TKR, 1, 100)
    assert made.sent[1][1].link == 2, "as if it had come over link 2"


@pytest.mark.parametrize(("offset", "size"), [(RKR, 4), (0x20, 4), (TDR, 2)])
def test_writes_that_are_refused(made, offset, size):
    with pytest.raises(BusError):
        made.comms.write(offset, size, 0, 0)


def test_reads_that_are_refused(made):
    for offset in (TDR, TKR):
        with pytest.raises(BusError):
            made.read(offset)
