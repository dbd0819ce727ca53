"""The router of a chip: one packet at a time from its input to cores and links, waiting and dropping as silicon does.

Registers and rules: SpiNNaker datasheet 2.02, chapter 10. A packet goes to all outputs of its entry; outputs that
cannot take it are tried again until wait1 is over, then it is dropped for those: the dump registers and counters
tell so, and ``lost`` keeps a record with names. Emergency routing (wait2) is not modelled.

**When can a core take a packet?** Its communications controller shows one packet at a time. A core that runs is
emulated in stretches of many cycles, so it may be beyond the time of a packet that finds the last one unread. If
its packet interrupt is open, it would have read the last one meanwhile: it counts as able to take the next one
``fiq_take_cycles`` after the last (``ChipFacts``), and gets all of them, in order, when it runs on. It counts as
unable when the interrupt is masked or disabled, or when packets that it could have read have waited for as long
as wait1 of its own running time. So no packet is dropped because of long stretches; with short ones (200 cycles)
the times are nearly exact.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from spinntensor.emulator.facts import ChipFacts
from spinntensor.emulator.faults import BusError
from spinntensor.emulator.packets import FR, LOCAL, MC, NN, P2P, PAYLOAD, Lost, Packet

BASES = (0xE100_0000, 0xF100_0000)
SPAN = 0x18000  # registers and tables, the P2P table last
ENTRIES = 1024
LINKS = 6

CONTROL, STATUS, ERROR_HEADER, ERROR_KEY, ERROR_PAYLOAD, ERROR_STATUS = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
DUMP_HEADER, DUMP_KEY, DUMP_PAYLOAD, DUMP_OUTPUTS, DUMP_STATUS = 0x18, 0x1C, 0x20, 0x24, 0x28
DIAGNOSTIC, TIMING, CYCLES, EMERGENCY, UNBLOCKED = 0x2C, 0x30, 0x34, 0x38, 0x3C
HISTOGRAM, DIVERSION, FIXED_ROUTE = range(0x40, 0x80, 4), 0x80, 0x84
FILTERS, COUNTERS = range(0x200, 0x240, 4), range(0x300, 0x340, 4)
TEST = (0xF00, 0xF04)
ROUTES, KEYS, MASKS = (range(base, base + 4 * ENTRIES, 4) for base in (0x4000, 0x8000, 0xC000))
P2P_TABLE = range(0x10000, 0x18000, 4)

WAIT_FOREVER = None
DUMPED, OVERFLOW = 1 << 31, 1 << 30
_DROP, _MONITOR = 6, 7
_CORES = (1 << 18) - 1


def wait_cycles(code: int) -> int | None:
    """Router cycles that a wait code stands for (datasheet 10.11); None for ever."""
    if code == 0xFF:
        return WAIT_FOREVER
    mantissa, exponent = code & 15, code >> 4
    if exponent <= 4:
        return (mantissa + 16 - (1 << 4 - exponent)) << exponent
    return (mantissa + 16) << exponent


class Receiver(Protocol):
    """A core as the router sees it."""

    def accepts(self, cycle: int) -> int | None:
        """When it takes a packet that arrives at this cycle; None while that is not known."""

    def chance_until(self, cycle: int, wait: int) -> int:
        """Until when a packet that has waited since ``cycle`` may still be taken."""

    def receive(self, packet: Packet, cycle: int) -> None:
        """Take a packet."""


class Router:
    """The router of one chip; a ChipDevice.

    Parameters
    ----------
    facts : ChipFacts
    receiver : callable
        The core with a physical number, None for cores that are not there.
    monitor : callable
        Given packets for the monitor core, and the cycle; returns whether there is one that listens.
    held : callable
        Told that a core's transmit buffer stays full, or no longer does: core, whether, cycle.
    interrupt : callable
        Told the level of the dump interrupt, and the cycle.
    """

    def __init__(
        self,
        facts: ChipFacts,
        receiver: Callable[[int], Receiver | None],
        monitor: Callable[[Packet, int], bool],
        held: Callable[[int, bool, int], None],
        interrupt: Callable[[bool, int], None],
    ) -> None:
        self.links: list[Callable[[Packet, int], None] | None] = [None] * LINKS
        self.lost: list[Lost] = []
        self.extra_cycles = 0  # per packet, on top of what the router needs
        self.wait_override: int | None = None  # a wait code to use in place of the register's
        self.routed = 0
        self._facts, self._receiver, self._monitor = facts, receiver, monitor
        self._held, self._interrupt = held, interrupt
        self._registers = {
            CONTROL: 0x0080_0001,
            DIAGNOSTIC: 0,
            TIMING: 0,
            DIVERSION: 0,
            FIXED_ROUTE: 0xFC00_0000,
        }
        self._dump = dict.fromkeys((DUMP_HEADER, DUMP_KEY, DUMP_PAYLOAD, DUMP_OUTPUTS, DUMP_STATUS), 0)
        self._filters, self._counters = [0] * 16, [0] * 16
        # Undefined after a reset on silicon; empty entries here.
        self.routes = np.zeros(ENTRIES, np.int64)
        self.keys = np.full(ENTRIES, 0xFFFF_FFFF, np.int64)
        self.masks = np.zeros(ENTRIES, np.int64)
        self.p2p = np.full(len(P2P_TABLE), 0o6666_6666, np.int64)
        self._known: dict[int, int | None] = {}  # routes of keys looked up since the tables changed
        self._queue: deque[tuple[int, Packet]] = deque()
        self._outside: deque[tuple[int, Packet]] = deque()  # packets of senders that are held
        # When the output stage can take the next packet; in parts of a cycle, of which the router's has whole ones.
        self._free = 0
        self._parts, self._step = facts.router_cycle.denominator, facts.router_cycle.numerator
        self._stage: Packet | None = None
        self._since = self._reached = (
            0  # when the packet in the stage came to its outputs, and the last took it
        )
        self._waiting: list[int] = []  # cores that have not taken it
        self._loss: list[int] = []  # links that lead nowhere
        self._outputs = 0
        self._default_routed = False

    # Time.

    def arrive(self, packet: Packet, cycle: int) -> None:
        """A packet comes to the input."""
        if len(self._queue) < self._facts.router_fifo_packets:
            self._queue.append((cycle, packet))
            return
        self._outside.append((cycle, packet))
        if packet.source >= 0:
            self._held(packet.source, True, cycle)

    @property
    def blocked(self) -> tuple[int, ...]:
        """Cores that the packet in the output stage waits for."""
        return tuple(self._waiting) if self._stage else ()

    @property
    def pending(self) -> int:
        """Packets that are on their way."""
        return len(self._queue) + len(self._outside) + (self._stage is not None)

    @property
    def wait(self) -> int | None:
        """The time that a blocked packet waits, in cycles of the cores."""
        code = self._registers[CONTROL] >> 16 & 0xFF if self.wait_override is None else self.wait_override
        cycles = wait_cycles(code)
        return None if cycles is None else cycles * self._step // self._parts

    def next_time(self) -> int | None:
        """When the router next does something, as far as is known."""
        if self._stage is None:
            if not self._queue:
                return None
            return max(self._queue[0][0], -(-self._free // self._parts))
        times = []
        for core in self._waiting:
            taken = self._accepts(core)
            if taken is not None:
                return max(taken, self._since)
            times.append(self._chance(core))
        return None if None in times else max(t for t in times if t is not None)

    def step(self, cycle: int) -> None:
        """Do what ``next_time`` announced for this cycle."""
        if self._stage is None:
            self._begin(cycle)
        self._offer()
        if self._stage is not None and self._waiting:
            wait = [self._chance(core) for core in self._waiting]
            if None in wait or cycle < max(t for t in wait if t is not None):
                return
            self._drop(cycle)
        self._end(cycle)

    def _accepts(self, core: int) -> int | None:
        receiver = self._receiver(core)
        return receiver.accepts(self._since) if receiver else None

    def _chance(self, core: int) -> int | None:
        """When the patience with a core ends."""
        receiver, wait = self._receiver(core), self.wait
        if receiver is None:
            return self._since
        return None if wait is None else receiver.chance_until(self._since, wait)

    def _begin(self, cycle: int) -> None:
        """Bring the next packet to the output stage, and look up where it goes."""
        arrived, packet = self._queue.popleft()
        if self._outside:
            _, next_one = self._outside.popleft()
            self._queue.append((cycle, next_one))
            if next_one.source >= 0 and not any(p.source == next_one.source for _, p in self._outside):
                self._held(next_one.source, False, cycle)
        self._free = max(self._free, arrived * self._parts) + self._step + self.extra_cycles * self._parts
        self._stage, self._since = packet, cycle + self._facts.packet_cycles + self.extra_cycles
        self._reached, self._loss, self._default_routed = self._since, [], False
        self.routed += 1
        self._outputs = outputs = self._lookup(packet)
        for link in range(LINKS):
            if outputs >> link & 1:
                self._leave(packet, link)
        self._waiting = [core for core in range(18) if outputs >> (6 + core) & 1]

    def _leave(self, packet: Packet, link: int) -> None:
        send = self.links[link]
        if send:
            send(packet, self._since)
        else:
            self._loss.append(link)

    def _offer(self) -> None:
        packet = self._stage
        assert packet is not None
        left = []
        for core in self._waiting:
            if core == self.monitor_core and self._monitor(packet, self._since):
                continue
            taken = self._accepts(core)
            receiver = self._receiver(core)
            if taken is None or receiver is None:
                left.append(core)
            else:
                self._reached = max(self._reached, taken)
                receiver.receive(packet, taken)
        self._waiting = left

    def _end(self, cycle: int) -> None:
        """The packet has left the stage."""
        packet = self._stage
        assert packet is not None
        if self._loss:
            self._record("no link", packet, [], self._loss, cycle)
        self._count(packet, bool(self._loss) or bool(self._waiting))
        left = self._reached - self._facts.packet_cycles - self.extra_cycles
        self._free = max(self._free, left * self._parts)
        self._stage, self._waiting = None, []

    def _drop(self, cycle: int) -> None:
        packet = self._stage
        assert packet is not None
        there = [core for core in self._waiting if self._receiver(core)]
        absent = [core for core in self._waiting if core not in there]
        if there:
            self._free = max(self._free, cycle * self._parts)
            self._record("blocked", packet, there, [], cycle)
        if absent:
            self._record("no core", packet, absent, [], cycle)

    def _record(self, why: str, packet: Packet, cores: list[int], links: list[int], cycle: int) -> None:
        """A packet is dropped: registers and the record."""
        self.lost.append(Lost(why, packet, tuple(cores), tuple(links), cycle))
        failed = sum(1 << 6 + core for core in cores) | sum(1 << link for link in links)
        dump = self._dump
        if dump[DUMP_STATUS] & DUMPED:
            dump[DUMP_STATUS] |= OVERFLOW | failed
        else:
            dump[DUMP_HEADER] = packet.link << 24 | packet.control << 16
            dump[DUMP_KEY], dump[DUMP_PAYLOAD] = packet.key, packet.payload or 0
            dump[DUMP_OUTPUTS] = failed
            dump[DUMP_STATUS] = DUMPED | failed
        if self._registers[CONTROL] & 4:
            self._interrupt(True, cycle)

    # Routes.

    @property
    def monitor_core(self) -> int:
        """The physical core that gets P2P and NN packets."""
        return self._registers[CONTROL] >> 8 & 31

    def _lookup(self, packet: Packet) -> int:
        """Outputs of a packet: links in bits 5:0, cores in 23:6."""
        if packet.kind == MC:
            return self._multicast(packet)
        if packet.kind == FR:
            return self._registers[FIXED_ROUTE] & 0xFF_FFFF
        if packet.kind == P2P:
            to = packet.key & 0xFFFF
            return self._point(int(self.p2p[to >> 3]) >> 3 * (to & 7) & 7, packet)
        return self._neighbour(packet)

    def _point(self, route: int, packet: Packet) -> int:
        if route == _MONITOR:
            return 1 << 6 + self.monitor_core
        if route == _DROP:
            self._record("no route", packet, [], [], self._since)
            return 0
        return 1 << route

    def _neighbour(self, packet: Packet) -> int:
        if packet.link != LOCAL:
            return 1 << 6 + self.monitor_core
        route = packet.control >> 2 & 7
        if route == 6:
            return self._registers[FIXED_ROUTE] >> 26 & 0x3F
        return 1 << 6 + self.monitor_core if route == LOCAL else 1 << route

    def _multicast(self, packet: Packet) -> int:
        """The lowest entry that matches; else straight on, for packets from a link."""
        if packet.key not in self._known:
            hits = np.flatnonzero((packet.key & self.masks) == self.keys)
            self._known[packet.key] = int(self.routes[hits[0]]) & 0xFF_FFFF if len(hits) else None
        found = self._known[packet.key]
        if found is not None:
            return found
        self._default_routed = True
        if packet.link != LOCAL:
            return 1 << (packet.link + 3) % LINKS
        self._record("no route", packet, [], [], self._since)
        return 0

    def set_entry(self, index: int, key: int, mask: int, route: int) -> None:
        """Write one multicast entry; the route has links in bits 5:0 and physical cores in 23:6."""
        self.keys[index], self.masks[index], self.routes[index] = key, mask, route
        self._known.clear()

    # Counters.

    def _count(self, packet: Packet, dropped: bool) -> None:
        monitor = 1 << 6 + self.monitor_core
        went = (1 if dropped or not self._outputs else 0) | (self._outputs & 0x3F) << 3
        went |= 2 if self._outputs & ~monitor & ~0x3F else 0
        went |= 4 if self._outputs & monitor else 0
        kind = 1 << packet.kind
        payload = 1 if packet.control & PAYLOAD else 2
        source = 1 if packet.link == LOCAL else 2
        default = 1 if self._default_routed else 2
        for n, rule in enumerate(self._filters):
            if not self._registers[DIAGNOSTIC] >> n & 1:
                continue
            if not (rule & kind and rule >> 16 & went and rule >> 14 & source):
                continue
            if rule >> 12 & payload and rule >> 10 & default:
                self._counters[n] = self._counters[n] + 1 & 0xFFFF_FFFF

    # Registers.

    def read(self, offset: int, size: int, cycle: int, core: int) -> int:
        self._word(offset, size)
        if offset in self._dump:
            return self._read_dump(offset, cycle)
        if offset in self._registers:
            return self._registers[offset]
        if offset == STATUS:
            stage = 0 if self._stage is None else 2 if self._waiting else 1
            dumped = (1 << 31 | 1 << 29) if self._dump[DUMP_STATUS] & DUMPED else 0
            return dumped | stage << 24 | bool(self.pending) << 16
        if offset in FILTERS:
            return self._filters[offset - FILTERS.start >> 2]
        if offset in COUNTERS:
            return self._counters[offset - COUNTERS.start >> 2]
        if offset in ROUTES:
            return int(self.routes[offset - ROUTES.start >> 2])
        if offset in P2P_TABLE:
            return int(self.p2p[offset - P2P_TABLE.start >> 2])
        if offset in KEYS or offset in MASKS:
            raise BusError(offset, "keys and masks of the router can only be written")
        if offset in (ERROR_HEADER, ERROR_KEY, ERROR_PAYLOAD, ERROR_STATUS, CYCLES, EMERGENCY, UNBLOCKED):
            return self.routed & 0xFFFF_FFFF if offset == UNBLOCKED else 0
        if offset in HISTOGRAM or offset in TEST:
            return 0
        raise BusError(offset, f"the router has no readable register at offset 0x{offset:x}")

    def _read_dump(self, offset: int, cycle: int) -> int:
        value = self._dump[offset]
        if offset == DUMP_STATUS:
            self._dump[DUMP_STATUS] = 0
            self._interrupt(False, cycle)
        return value

    def write(self, offset: int, size: int, value: int, cycle: int, core: int) -> None:
        self._word(offset, size)
        value &= 0xFFFF_FFFF
        if offset == DIAGNOSTIC:
            for n in range(16):
                if value >> 16 + n & 1:
                    self._counters[n] = 0
            self._registers[DIAGNOSTIC] = value & 0xFFFF
        elif offset in self._registers:
            self._registers[offset] = value
        elif offset in FILTERS:
            self._filters[offset - FILTERS.start >> 2] = value
        elif offset in COUNTERS:
            self._counters[offset - COUNTERS.start >> 2] = value
        elif offset in P2P_TABLE:
            self.p2p[offset - P2P_TABLE.start >> 2] = value & 0xFF_FFFF
        elif offset in ROUTES or offset in KEYS or offset in MASKS:
            for where, array in ((ROUTES, self.routes), (KEYS, self.keys), (MASKS, self.masks)):
                if offset in where:
                    array[offset - where.start >> 2] = value
            self._known.clear()
        elif offset not in TEST:
            raise BusError(offset, f"the router has no writable register at offset 0x{offset:x}")

    def _word(self, offset: int, size: int) -> None:
        if size != 4 or offset & 3:
            raise BusError(offset, f"access of {size} bytes; the router takes aligned words only")


__all__ = ["NN", "Receiver", "Router", "wait_cycles"]
