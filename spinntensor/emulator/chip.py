"""A SpiNNaker chip: up to 18 cores, their memories, the router and the system controller, on one clock.

**Time.** The chip advances in stretches. Every core that is awake runs until its clock has reached the end of the
stretch (``quantum`` cycles long, a basic block more at most) or it sleeps in WFI. Then what passes between cores
is delivered in order of time and core: packets, interrupts, bytes written to SDRAM. A sleeping core is woken at
the exact time of the event, also when that lies before the end of the stretch, and runs in the same stretch; a
core that was beyond an event's time gets it at its own present time. So the quantum bounds how late something
reaches a core that computes; between cores that sleep and wake all is exact. When all cores sleep, time jumps to
the next event; when there is none, the run is over.

**Determinism.** Cores run on several threads within a stretch, without seeing each other (see ``shared``); the
result, counters and clocks are the same for any number of threads. They depend on the quantum where a program's
result depends on timing.
"""

from __future__ import annotations

import gc
import heapq
from collections.abc import Callable, Iterator, Mapping
from weakref import WeakSet

import numpy as np

from spinntensor.emulator import router, sysctl
from spinntensor.emulator.chipcore import ChipCore
from spinntensor.emulator.contention import Contention
from spinntensor.emulator.disturb import Disturbance, Disturber
from spinntensor.emulator.facts import ChipFacts
from spinntensor.emulator.faults import nearest_symbol
from spinntensor.emulator.memory import SDRAM_BASES, Bytes, new_sdram
from spinntensor.emulator.packets import Lost, Packet
from spinntensor.emulator.records import ASLEEP, DEAD, CoreState, FaultRecord, Outcome
from spinntensor.emulator.router import Router
from spinntensor.emulator.shared import SYSTEM_RAM_BASES, SYSTEM_RAM_BYTES, ChipMemories, View
from spinntensor.emulator.sysctl import SystemController, Watchdog
from spinntensor.emulator.system_ram import SystemRam
from spinntensor.emulator.team import Team
from spinntensor.emulator.vic import CPU_INTERRUPT, ROUTER_DUMP

CORES = 18
_FEW = 8
_QUANTUM = 10_000
_NEVER = 1 << 62


class _Alive:
    """Chips that were made and still have memory. The collector of cycles, to which a chip is a few small objects, is
    called when they have become many."""

    def __init__(self) -> None:
        self._chips: WeakSet[Chip] = WeakSet()
        self._most = _FEW

    def add(self, chip: Chip) -> None:
        """One more chip."""
        if len(self._chips) >= self._most:
            gc.collect()
            self._most = max(_FEW, 2 * len(self._chips))
        self._chips.add(chip)

    def __len__(self) -> int:
        return len(self._chips)


ALIVE = _Alive()


class Cores(Mapping[int, ChipCore]):
    """The cores of a chip by physical number; one is made when it is first asked for."""

    def __init__(self, make: Callable[[int], ChipCore]) -> None:
        self._make = make
        self._made: dict[int, ChipCore] = {}
        self.made: list[ChipCore] = []  # all that have been made, in order

    def __getitem__(self, number: int) -> ChipCore:
        if not 0 <= number < CORES:
            raise IndexError(f"core {number}; expected a physical number from 0 to {CORES - 1}")
        if number not in self._made:
            self._made[number] = self._make(number)
            self._made = dict(sorted(self._made.items()))
            self.made = list(self._made.values())
        return self._made[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def __contains__(self, number: object) -> bool:
        return number in self._made

    def find(self, number: int) -> ChipCore | None:
        """The core, if it has been made."""
        return self._made.get(number)


class Chip:
    """One chip.

    Parameters
    ----------
    facts : ChipFacts, optional
    strict : bool
        Check every access of the cores; much slower.
    quantum : int
        Cycles of a stretch: how late a computing core may learn of what others did.
    threads : int
        Cores that run side by side.
    disturbance : Disturbance, optional
        Makes the chip slower and less regular than the facts say.
    sdram_bytes : int
    """

    def __init__(
        self,
        facts: ChipFacts | None = None,
        strict: bool = False,
        quantum: int = _QUANTUM,
        threads: int = 2,
        disturbance: Disturbance | None = None,
        sdram_bytes: int = 128 << 20,
    ) -> None:
        if quantum < 1:
            raise ValueError(f"a quantum of {quantum} cycles; expected at least 1")
        ALIVE.add(self)
        self.facts = facts or ChipFacts()
        self.strict, self.quantum = strict, quantum
        self.cycles = 0
        self.rounds = 0
        self.sdram: Bytes = new_sdram(sdram_bytes)
        self.system_ram = SystemRam()
        self.cores = Cores(self._make_core)
        self.system_controller = SystemController(self._set_interrupts, self._sleeping)
        self.watchdog = Watchdog()
        self.router = Router(
            self.facts, self.cores.find, self._to_monitor, self._hold, self._router_interrupt
        )
        self.contention = Contention(self.facts.sdram_bytes_per_cycle)
        self.disturb(disturbance or Disturbance())
        # What a monitor that is no emulated core wants to know: packets for it, and interrupts to its core.
        self.on_packet: Callable[[Packet, int], None] | None = None
        self.on_interrupt: Callable[[int], None] | None = None
        self.before_stretch: list[Callable[[int], None]] = []
        self.when_idle: list[Callable[[int], None]] = []  # may post something; the run goes on then
        self._team = Team(threads)
        self._threads = threads
        self._symbols: dict[str, int] = {}
        self._events: list[tuple[int, int, int, Callable[[int], None]]] = []
        self._posted: dict[int, list[tuple[int, Callable[[int], None]]]] = {}
        self._serial = 0
        self._overruns: list[Lost] = []
        self._order: dict[int, int] = {}  # place of each core in the round that runs
        self._stopped = self._stirred = False
        self._p2v: Callable[[int], int] = lambda virtual: virtual

    def _make_core(self, number: int) -> ChipCore:
        def turn() -> None:
            self._wait_turn(number)

        memories = ChipMemories(self.sdram, self.system_ram.memory, turn)
        core = ChipCore(
            number,
            self.facts,
            memories,
            self.strict,
            lambda packet, cycle: self.post(number, cycle, lambda at: self.router.arrive(packet, at)),
            self._overruns.append,
        )
        core.load(b"", self._symbols)
        slow = self.facts.core.sdram_cycles
        core._bus.attach(
            View(self.system_ram, number, turn), *SYSTEM_RAM_BASES, size=SYSTEM_RAM_BYTES, cycles=slow
        )
        core._bus.attach(View(self.system_controller, number, turn), *sysctl.BASES, cycles=slow)
        core._bus.attach(View(self.watchdog, number, turn), *sysctl.WATCHDOG_BASES, cycles=slow)
        core._bus.attach(View(self.router, number, turn), *router.BASES, size=router.SPAN, cycles=slow)
        core.stirred = self._stir
        self.disturber.set_up_core(core)
        return core

    def _stir(self) -> None:
        self._stirred = True

    # For hosts and monitors.

    def core_of(self, virtual: int) -> ChipCore:
        """The core with a virtual number; the monitor says which that is."""
        return self.cores[self._p2v(virtual)]

    def set_virtual(self, physical: Callable[[int], int]) -> None:
        """Say which physical core a virtual number means."""
        self._p2v = physical

    def symbols(self, symbols: Mapping[str, int]) -> None:
        """Names for addresses of the code, for faults and profiles of all cores."""
        self._symbols = dict(symbols)
        for core in self.cores.made:
            core.symbols = dict(symbols)

    def memory(self, address: int, nbytes: int) -> Bytes:
        """Bytes of SDRAM or System RAM, as a view."""
        for base in SDRAM_BASES:
            if base <= address and address + nbytes <= base + len(self.sdram):
                return self.sdram[address - base : address - base + nbytes]
        for base in SYSTEM_RAM_BASES:
            if base <= address and address + nbytes <= base + SYSTEM_RAM_BYTES:
                self.system_ram.refresh(self.cycles)
                return self.system_ram.memory[address - base : address - base + nbytes]
        raise ValueError(
            f"{nbytes} bytes at 0x{address:08x}; expected SDRAM at 0x60000000 (+{len(self.sdram)}) "
            f"or System RAM at 0xe5000000 (+{SYSTEM_RAM_BYTES})"
        )

    def post(self, core: int, cycle: int, action: Callable[[int], None]) -> None:
        """Do something between cores at a cycle; ``core`` orders what happens at the same time."""
        self._posted.setdefault(core, []).append((cycle, action))

    def disturb(self, disturbance: Disturbance) -> None:
        """From now on, this in place of the disturbance before."""
        self.disturber = Disturber(disturbance)
        self.disturber.set_up(self.router, self.contention, self.facts)
        for core in self.cores.made:
            self.disturber.set_up_core(core)

    def stop(self) -> None:
        """End the run after the present stretch."""
        self._stopped = True

    @property
    def faults(self) -> list[FaultRecord]:
        """Exceptions of all cores, in order of time."""
        every = [record for core in self.cores.made for record in core.faults]
        return sorted(every, key=lambda r: (r.cycle, r.core))

    @property
    def lost(self) -> list[Lost]:
        """Packets that were lost, in order of time."""
        return sorted([*self.router.lost, *self._overruns], key=lambda one: (one.cycle, one.packet.source))

    # Running.

    def run(self, limit_cycles: int | None = None) -> Outcome:
        """Run until all cores sleep and nothing is coming, a core cannot go on, or so many cycles have passed.

        Parameters
        ----------
        limit_cycles : int, optional
            Cycles from now.
        """
        end = None if limit_cycles is None else self.cycles + limit_cycles
        old_faults, old_lost = {id(one) for one in self.faults}, {id(one) for one in self.lost}
        self._stopped = False
        reason = self._run(end, self._dead())
        faults = tuple(one for one in self.faults if id(one) not in old_faults)
        lost = tuple(one for one in self.lost if id(one) not in old_lost)
        if reason == "asleep" and faults:
            reason = "fault"
        states = tuple(self._state(core) for core in self.cores.made)
        return Outcome(reason, self.cycles, states, faults, lost, self.router.blocked)

    def _run(self, end: int | None, dead: int) -> str:
        while True:
            self._collect()
            coming = self._next_event()
            if not any(core.awake for core in self.cores.made):
                if coming is None:
                    for look in self.when_idle:
                        look(self.cycles)
                    self._collect()
                    coming = self._next_event()
                if coming is None:
                    return "asleep"
                if end is not None and coming >= end:
                    self.cycles = max(self.cycles, end)
                    return "limit"
                self.cycles = max(self.cycles, coming)
            if self._stopped:
                return "stopped"
            if self._dead() > dead:
                return "fault"
            if end is not None and self.cycles >= end:
                return "limit"
            horizon = self.cycles + self._length()
            if end is not None:
                horizon = min(horizon, end)
            self._stretch(horizon)

    def _length(self) -> int:
        """Cycles of the next stretch: short ones while the router waits for a core."""
        wait = self.router.wait
        return (
            self.quantum if wait is None or not self.router.blocked else min(self.quantum, max(wait // 2, 1))
        )

    def _stretch(self, horizon: int) -> None:
        for look in self.before_stretch:
            look(self.cycles)
        self.contention.share([core.dma for core in self.cores.made], self.cycles)
        self.disturber.stall(self.cores.made, self.cycles)
        while True:
            bound = min((core.now for core in self.cores.made if core.awake), default=horizon)
            self._deliver(min(bound, horizon))
            ready = [core for core in self.cores.made if core.awake and core.now < horizon]
            if not ready:
                break
            self._round(ready, horizon)
        self.cycles = horizon if any(core.awake for core in self.cores.made) else self._last(self.cycles)

    def _last(self, cycle: int) -> int:
        """When the last core fell asleep, no earlier than ``cycle``."""
        return max([cycle, *(core.now for core in self.cores.made if core.state == ASLEEP)])

    def _round(self, ready: list[ChipCore], horizon: int) -> None:
        """Let these cores run side by side, then make public what they wrote and sent."""
        self.rounds += 1
        if len(ready) == 1 or self._threads == 1:
            self._order = {}
            for core in ready:
                core.run_until(horizon)
        else:
            self._order = {core.number: index for index, core in enumerate(ready)}
            try:
                self._team.run(ready, horizon)
            finally:
                self._order = {}
        self._publish()
        self._collect()

    def _publish(self) -> None:
        """Make public what cores and their DMA controllers wrote to SDRAM, in order of time."""
        writers = [core for core in self.cores.made if core.memories.writes]
        writes = [
            (cycle, core.number, serial, offset, data)
            for core in writers
            for serial, (cycle, offset, data) in enumerate(core.memories.writes)
        ]
        for _, _, _, offset, data in sorted(writes, key=lambda w: w[:3]):
            self.sdram[offset : offset + len(data)] = data
        for core in writers:
            core.memories.writes.clear()

    def _wait_turn(self, number: int) -> None:
        if self._order:
            self._team.wait_for(self._order.get(number, 0))

    def _collect(self) -> None:
        """Queue what was posted."""
        for core in sorted(self._posted):
            for cycle, action in self._posted[core]:
                self._serial += 1
                heapq.heappush(self._events, (cycle, core, self._serial, action))
        self._posted.clear()

    def _next_event(self) -> int | None:
        """When something happens next that is known of."""
        times = [core.next_event() for core in self.cores.made if core.state == ASLEEP]
        times += [self.router.next_time(), self._events[0][0] if self._events else None]
        return min((t for t in times if t is not None), default=None)

    def _deliver(self, bound: int) -> None:
        """Deliver what happens until ``bound``, or until a core wakes that has to run first."""
        self._stirred, woken = True, None
        while True:
            if self._stirred:  # a core has woken, or will wake at another time
                self._stirred = False
                woken = self._next_wake()
                bound = min([bound, *(core.now for core in self.cores.made if core.awake)])
            posted = self._events[0][0] if self._events else _NEVER
            routed = self.router.next_time()
            routed = _NEVER if routed is None else routed
            first = min(posted, routed, woken[0] if woken else _NEVER)
            if first > bound:
                return
            if first == posted:
                cycle, _, _, action = heapq.heappop(self._events)
                action(cycle)
            elif first == routed:
                self.router.step(first)
            elif woken:
                woken[1].sleep_until(first)
            if self._posted:
                self._collect()
            if self._stirred:
                self._publish()

    def _next_wake(self) -> tuple[int, ChipCore] | None:
        """The sleeping core that something happens to first, and when."""
        best = None
        for core in self.cores.made:
            if core.state == ASLEEP:
                cycle = core.next_event()
                if cycle is not None and (best is None or cycle < best[0]):
                    best = cycle, core
        return best

    def _dead(self) -> int:
        return sum(core.state == DEAD for core in self.cores.made)

    def _state(self, core: ChipCore) -> CoreState:
        symbol = nearest_symbol(core.symbols, core._pc)
        return CoreState(core.number, core.state, core.now, core._pc, symbol)

    # What devices ask for.

    def _set_interrupts(self, mask: int, level: bool, cycle: int, by: int) -> None:
        for number in range(CORES):
            if mask >> number & 1:
                core = self.cores.find(number)
                if core is None:
                    if number == self.router.monitor_core and self.on_interrupt and level:
                        self.post(by, cycle, self.on_interrupt)
                elif number == by:
                    core.vic.line(CPU_INTERRUPT, level, cycle)
                else:
                    self.post(by, cycle, _Line(core, CPU_INTERRUPT, level))

    def _sleeping(self) -> int:
        return int(np.sum([1 << core.number for core in self.cores.made if core.state == ASLEEP], dtype=int))

    def _to_monitor(self, packet: Packet, cycle: int) -> bool:
        if self.on_packet is None or self.cores.find(self.router.monitor_core):
            return False
        self.on_packet(packet, cycle)
        return True

    def _hold(self, number: int, held: bool, cycle: int) -> None:
        core = self.cores.find(number)
        if core:
            core.comms.hold(held, max(cycle, core.now))
            if core.state == ASLEEP:
                core.sleep_until(cycle)

    def _router_interrupt(self, level: bool, cycle: int) -> None:
        for core in self.cores.made:
            self.post(-1, cycle, _Line(core, ROUTER_DUMP, level))


class _Line:
    """Changes an interrupt line of a core when its time has come."""

    def __init__(self, core: ChipCore, source: int, level: bool) -> None:
        self._core, self._source, self._level = core, source, level

    def __call__(self, cycle: int) -> None:
        self._core.interrupt_line(self._source, self._level, cycle)
