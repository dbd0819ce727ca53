"""An image on an emulated chip: loaded once, then run batch by batch, the host only writing inputs and reading outputs.

The host lets a batch in when its inputs lie in SDRAM and its places for outputs have been read; a core that it tells
hands that on to the others. Several batches are under way, and results come back in order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter

import numpy as np

from spinntensor.abi import memory
from spinntensor.abi.runtime import CREDIT_PORT, ERRORS, LOG, LOGGED
from spinntensor.emulator.chip import Chip, Outcome
from spinntensor.emulator.disturb import Disturbance
from spinntensor.emulator.monitor import Monitor
from spinntensor.emulator.sv import VCPU, VCPU_BYTES
from spinntensor.errors import SDRAMError
from spinntensor.image.contents import from_bytes, to_bytes
from spinntensor.image.image import Image
from spinntensor.lower.site import dtype_of
from spinntensor.machine.failures import CoreDiedError, LostPacketsError, StalledError, Waiting
from spinntensor.machine.host import Counts
from spinntensor.machine.record import CoreRecord, Record, Taken, layer_records, note
from spinntensor.machine.watch import Standing, tell
from spinntensor.ops.operation import Value
from spinntensor.plan.energy import energy
from spinntensor.plan.predict import run_cycles

ENVIRONMENT = "SPINNTENSOR_STRICT"
"""Whether cores check every access."""
APPLICATION = 30
"""Application id, as SC&MP knows it."""
SLICE = 2_000_000
"""Model cycles after which the host looks for batches that are done, at most."""
SYNC = ("sync0", "sync1")
ALIGN = 64
USER = 0x70
"""Offset of the user words in a vcpu block."""
REGISTERS = (*(f"r{i}" for i in range(8)), "psr", "sp", "lr")
"""What the runtime leaves of the registers in the vcpu block, in order."""
NAMES = (*(f"r{i}" for i in range(13)), "sp", "lr", "pc", "cpsr")
"""All registers of a core, in order."""


class Session:
    """An emulated chip that holds an image.

    Parameters
    ----------
    image : what is loaded.
    quantum, threads, strict, disturbance : of the chip, see `emulator.chip.Chip`; without a word on it cores are strict
        where the environment says so (`SPINNTENSOR_STRICT=1`).
    """

    def __init__(
        self,
        image: Image,
        *,
        quantum: int = 10_000,
        threads: int = 2,
        strict: bool | None = None,
        disturbance: Disturbance | None = None,
    ) -> None:
        self.image = image
        strict = os.environ.get(ENVIRONMENT, "") not in ("", "0") if strict is None else strict
        facts = image.sites.setting.facts.chip()
        self.chip = Chip(facts, quantum=quantum, threads=threads, strict=strict, disturbance=disturbance)
        self.chip.symbols(image.code.symbols)
        self.monitor = Monitor(self.chip)
        self.monitor.boot()
        self.sdram = self._room(image.nbytes)
        for address, content in image.pieces:
            self.monitor.write(self.sdram + address, content)
        self.monitor.route(
            [
                (route.key, route.mask, [image.workers[w].core for w in route.workers])
                for route in image.routes
            ]
        )
        self.monitor.load(image.application, [w.core for w in image.workers], APPLICATION)
        for worker in image.workers if strict else ():
            core = self.chip.core_of(worker.core)
            core.allow_store(memory.OPERANDS_BASE, memory.DTCM_END - memory.OPERANDS_BASE)
        self.chip.run(SLICE)
        for worker in image.workers:
            self._user(worker.core, 0, self.sdram + worker.program)
        self._turn = 0
        self.batches = 0  # of all runs before
        self._graph = image.sites.lowered.graph
        self._setting = image.sites.setting

    def _room(self, nbytes: int) -> int:
        """The first address that applications may have; SDRAMError where so many bytes do not fit behind it."""
        heap = self.monitor.heap
        start = -(-heap.start // ALIGN) * ALIGN
        if start + nbytes > heap.stop:
            reason = "the emulated chip has less than the plan was made for"
            raise SDRAMError(nbytes, heap.stop - start, {"the image": nbytes}, "", reason)
        return start

    def _user(self, core: int, number: int, value: int) -> None:
        """Write a user word of a core's vcpu block."""
        self.monitor.write(VCPU + VCPU_BYTES * core + USER + 4 * number, value.to_bytes(4, "little"))

    # Values.

    def write(self, number: int, value: Value, batch: int = 0) -> None:
        """A value into its place of a batch, by its node."""
        content = to_bytes(value, self._setting.layout(number))
        self.monitor.write(self._address(number, batch), content.tobytes())

    def read(self, number: int, batch: int = 0) -> np.ndarray:
        """A value out of its place of a batch."""
        home = self.image.sites.lowered.home(number)
        layout, kind = self._setting.layout(home), self._graph[number].type
        content = np.frombuffer(self.monitor.read(self._address(home, batch), layout.nbytes), np.uint8)
        return from_bytes(content, layout, dtype_of(kind.format)).reshape(kind.shape)

    def _address(self, home: int, batch: int) -> int:
        return self.sdram + self.image.sites.places.of_batch(home, batch)

    # Runs.

    def run(self, batches: Sequence[Mapping[int, Value]]) -> Iterator[tuple[list[Value], Counts]]:
        """Run these batches, values of inputs by node; the outputs of each and what was counted, in order.

        CoreDiedError where a core dies, StalledError where nothing goes on; the chip cannot be used afterwards.
        """
        image, count, started = self.image, len(batches), perf_counter()
        before = [self._counted(w.core) for w in image.workers]
        for worker in image.workers:
            self.monitor.write(self.sdram + worker.tables, image.tables(worker, self.batches))
            self.monitor.write(self.sdram + worker.log, bytes(LOGGED * worker.count * LOG.size))
            self.monitor.write(self.sdram + worker.program, image.program(worker, self.sdram, count))
            self._user(worker.core, 1, 0)
        self.began = self.chip.cycles
        self._told = self.began, self._awake
        tell(self._standing(0))
        self.monitor.signal(SYNC[self._turn])
        self._turn ^= 1
        let_in = done = 0
        while done < count:
            while let_in < min(count, done + self.depth):
                for number, value in batches[let_in].items():
                    self.write(number, value, self.batches + let_in)
                let_in += 1
                self.monitor.message(image.workers[0].core, CREDIT_PORT, 0, 0, self.batches + let_in, 0, 0)
            outcome = self.chip.run(SLICE)
            ready = self._done()
            tell(self._standing(ready))
            self._check(outcome, ready > done or let_in < min(count, ready + self.depth), done, count)
            for batch in range(done, ready):
                outputs: list[Value] = [self.read(i, self.batches + batch) for i in self._graph.outputs]
                yield outputs, self._counts(self.batches + batch)
            done = ready
        while self.chip.run(SLICE).reason == "limit":
            pass
        self.ended = self.chip.cycles
        self.batches += count
        if self.chip.lost:
            raise LostPacketsError(self._dropped())
        note(self._record(count, before, perf_counter() - started))

    def _counts(self, batch: int) -> Counts:
        """What kernels clamped or lost in a batch, by node."""
        return self.image.sites.counts.summed(lambda at, n: self.monitor.read(self.sdram + at, n), batch)

    @property
    def depth(self) -> int:
        """Batches that may be under way."""
        if self._graph.updates:
            return 1
        graph, places = self._graph, self.image.sites.places
        homes = {n.id for n in graph.inputs} | {self.image.sites.lowered.home(i) for i in graph.outputs}
        return min((places.buffer(home).copies for home in homes if places.held(home)), default=2)

    def _done(self) -> int:
        """Batches that all workers are done with."""
        periods = min(self.monitor.vcpu(w.core).user[1] for w in self.image.workers)
        return max(0, periods - self.image.phases)

    @property
    def _awake(self) -> int:
        """Cycles in which workers executed, of all together."""
        return sum(self.chip.core_of(w.core).awake_cycles for w in self.image.workers)

    def _standing(self, done: int) -> Standing:
        """How far this run has come."""
        cycles, awake, count = self.chip.cycles, self._awake, len(self.image.workers)
        before, awake_before = self._told
        self._told = cycles, awake
        busy = min(count, (awake - awake_before) / max(1, cycles - before))
        ms = (cycles - self.began) / self._setting.facts.clock_hz * 1e3
        return Standing(done * self.image.plan.batch, ms, busy, count)

    # What a run took, and what went wrong.

    def taken(self) -> list[Taken]:
        """The times of all shares in the first periods of the last run."""
        found: list[Taken] = []
        began: dict[int, int] = {}
        for number, worker in enumerate(self.image.workers):
            count = LOGGED * worker.count
            content = self.monitor.read(self.sdram + worker.log, count * LOG.size)
            for i in range(count):
                record = LOG.unpack(content[i * LOG.size : (i + 1) * LOG.size])
                if record["end"] == record["start"]:
                    break
                began.setdefault(number, record["start"])
                start, ready, end = (
                    record[name] - began[number] & 0xFFFF_FFFF for name in ("start", "ready", "end")
                )
                rest = (record[name] for name in ("dma", "calls", "moves"))
                found.append(Taken(number, record["mark"], record["period"], start, ready, end, *rest))
        return found

    def _counted(self, core: int) -> CoreRecord:
        """What a core has counted so far."""
        found = self.chip.core_of(core)
        counters, latency = found.counters, found.latency
        return CoreRecord(
            core,
            found.awake_cycles,
            found.asleep_cycles,
            counters.instructions,
            counters.multiplies,
            found.comms.sent_count,
            found.comms.received_count,
            latency.irqs + latency.fiqs,
            found.dma.bytes_moved,
            latency.fiq,
        )

    def _record(self, count: int, before: Sequence[CoreRecord], wall_s: float) -> Record:
        """The record of the run that just ended."""
        plan = self.image.plan
        predicted = run_cycles(plan, self._setting.facts, count)
        cores = []
        for one in before:
            now = vars(self._counted(one.core))
            since = {name: now[name] - value for name, value in vars(one).items()}
            cores.append(CoreRecord(**{**since, "core": one.core, "fiq_latency": now["fiq_latency"]}))
        taken = tuple(self.taken())
        cycles, images = self.ended - self.began, count * plan.batch
        packets = sum(core.packets_sent for core in cores)
        joules = energy(self.image.machine, cycles, sum(core.cycles for core in cores), packets, images).total
        layers = layer_records(plan, taken, self._multiplies(count))
        return Record(plan, count, cycles, predicted, layers, tuple(cores), taken, joules, wall_s)

    def _multiplies(self, count: int) -> dict[int, int]:
        """Multiply instructions of a period by stage: what each core executed from one share's mark to the next."""
        found: dict[int, int] = {}
        for worker in self.image.workers:
            core = self.chip.core_of(worker.core)
            marks = [mark for mark in core.marks if mark.cycle >= self.began]
            ends = [mark.counters.multiplies for mark in marks[1:]]
            ends += [core.counters.multiplies] * bool(marks)
            for mark, end in zip(marks, ends, strict=True):
                stage = self.image.plan.shares[mark.value].stage
                found[stage] = found.get(stage, 0) + end - mark.counters.multiplies
        return {stage: total // count for stage, total in found.items()}

    def _check(self, outcome: Outcome, moved: bool, done: int, count: int) -> None:
        """Raises what went wrong, if anything did."""
        for worker in self.image.workers:
            dead = self.chip.core_of(worker.core).state == "dead"
            if dead or self.monitor.vcpu(worker.core).state == "RTE":
                raise self._died(worker.core)
        if outcome.reason == "asleep" and not moved:
            raise StalledError(
                done, count, [self._waiting(w) for w in range(len(self.image.workers))], self._dropped()
            )

    def _died(self, core: int) -> CoreDiedError:
        vcpu = self.monitor.vcpu(core)
        faults = self.chip.core_of(core).faults
        share = vcpu.user[3]
        codes = {code: name for name, code in ERRORS.items()}
        if faults:
            kind, where, detail = faults[-1].fault.kind, faults[-1].fault.symbol, faults[-1].fault.detail
            registers = dict(zip(NAMES, faults[-1].fault.registers, strict=False))
        else:
            kind, where, detail = codes.get(vcpu.user[2], vcpu.error), "the runtime", ""
            registers = dict(zip(REGISTERS, (*vcpu.registers, vcpu.psr, vcpu.sp, vcpu.lr), strict=True))
        self.monitor.signal("stop")
        log = self.monitor.iobuf(core)
        return CoreDiedError(core, kind, self._layer(share), f"share {share}", where, registers, log, detail)

    def _layer(self, share: int) -> str:
        shares, layers = self.image.plan.shares, self.image.plan.layers
        return layers[shares[share].stage].name if share < len(shares) else "nothing yet"

    def _waiting(self, number: int) -> Waiting:
        """What a worker waits for: the doorbells of its share that have not rung."""
        worker, plan = self.image.workers[number], self.image.plan
        vcpu = self.monitor.vcpu(worker.core)
        share = vcpu.user[3]
        if share >= len(plan.shares):
            return Waiting(worker.core, share, "nothing yet", ("the start of a run",))
        others = [plan.shares[wait.share] for wait in plan.shares[share].waits]
        words = tuple(
            f"share {other.number} of {self._layer(other.number)} on core {self.image.workers[other.worker].core}"
            for other in others
            if other.worker != number
        )
        return Waiting(worker.core, share, self._layer(share), words)

    def _dropped(self) -> list[str]:
        """Packets that the router dropped, in words."""
        return [str(packet) for packet in self.chip.lost]
