"""A monitor without SC&MP: sets a chip up as SC&MP leaves it, loads and starts programs, signals, reads back.

It is no program on a core but Python that acts between stretches of emulated time, at no cost in cycles. What an
application sees of it in memory, registers and mailboxes is what it would see of SC&MP 4.0.0: ``sv``, ``vcpu``
blocks, maps of cores, heap roots, shared buffers, interrupts and flags. Not played: IP tags, SDP beyond the chip,
the router's shadow table, clean-up of an application's heap blocks.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence

from spinntensor.emulator import aplx as aplx_format
from spinntensor.emulator import router, sysctl
from spinntensor.emulator.chip import CORES, Chip
from spinntensor.emulator.chipcore import ChipCore
from spinntensor.emulator.mailbox import BUFFER_BYTES, BUFFERS, Mailboxes, Message
from spinntensor.emulator.packets import Packet
from spinntensor.emulator.sv import (
    P2V_MAP,
    SDRAM,
    STATUS_MAP,
    SV,
    SV_FIELDS,
    SYSTEM_RAM,
    V2P_MAP,
    VCPU,
    VCPU_BYTES,
    Fields,
)
from spinntensor.emulator.vcpu import Vcpu, decode

SIGNALS = {
    "init": 0, "pwrdn": 1, "stop": 2, "start": 3, "sync0": 4, "sync1": 5, "pause": 6, "cont": 7, "exit": 8,
    "timer": 9, "usr0": 10, "usr1": 11, "usr2": 12, "usr3": 13,
}  # fmt: skip

_INIT, _IDLE_STATE = 4, 15
_STACK = 0x0040_FFE8  # what the loader leaves: six words below the end of the DTCM
_SYSTEM_BYTES = 8 << 20  # SC&MP's own part, at the top of the SDRAM
_SYSTEM_BUFFERS = 18 * (128 << 10)
_IMAGE_BYTES = 256 << 10
_VERSION = 0x0004_0000
_LEAST_SDRAM = 16 << 20
_MS = 1000

# Counters of SC&MP: local and other packets of each kind, then those dropped (sark_hw.c).
_FILTERS = (
    0x01FE7CF1, 0x01FEBCF1, 0x01FE7CF2, 0x01FEBCF2, 0x01FE7CF4, 0x01FEBCF4, 0x01FE7CF8, 0x01FEBCF8,
    0x0001FCF1, 0x0001FCF2, 0x0001FCF4, 0x0001FCF8,
)  # fmt: skip


class Monitor:
    """The monitor of one chip.

    Parameters
    ----------
    chip : Chip
    core : int
        Physical core that SC&MP would run on; it is not emulated.
    iobuf_bytes : int
        Text that a core may print.
    """

    def __init__(self, chip: Chip, core: int = 0, iobuf_bytes: int = 16384) -> None:
        if len(chip.sdram) < _LEAST_SDRAM:
            raise ValueError(f"an SDRAM of {len(chip.sdram)} bytes; expected at least {_LEAST_SDRAM}")
        self.chip, self.core, self.iobuf_bytes = chip, core, iobuf_bytes
        self.packets: list[tuple[int, Packet]] = []  # for the monitor: cycle and packet
        self._sv = Fields(chip.memory, SV, SV_FIELDS)
        self._physical = [core, *(n for n in range(CORES) if n != core)]
        self._mailboxes = Mailboxes(chip, self.physical)
        self._apps: dict[int, int] = {}  # app_id of each virtual core that was loaded
        self._entries = 1  # SC&MP keeps entry 0

    def physical(self, virtual: int) -> int:
        """Physical number of a virtual core; virtual 0 is the monitor."""
        if not 0 <= virtual < CORES:
            raise ValueError(f"virtual core {virtual}; expected 0 to {CORES - 1}")
        return self._physical[virtual]

    @property
    def messages(self) -> list[Message]:
        """What cores have sent to the monitor, in order."""
        return self._mailboxes.received

    @property
    def heap(self) -> range:
        """SDRAM addresses that applications may have."""
        return range(SDRAM + _SYSTEM_BUFFERS + 24, self._system - 8)

    @property
    def _system(self) -> int:
        return SDRAM + len(self.chip.sdram) - _SYSTEM_BYTES

    # Boot.

    def boot(self) -> None:
        """Set up the chip as SC&MP does before it starts applications."""
        chip = self.chip
        chip.set_virtual(self.physical)
        chip.memory(VCPU, VCPU_BYTES * CORES)[:] = 0
        chip.memory(SV, 256)[:] = 0
        defaults = {
            "p2p_dims": 0x0101, "p2p_up": 1, "hw_ver": 3, "p2pb_repeats": 4, "p2p_sql": 4, "clk_div": 0x33,
            "cpu_clk": chip.facts.core.clock_hz // 1_000_000, "mem_clk": 130, "forward": 0x3F, "peek_time": 200,
            "led_period": 1, "netinit_bc_wait": 50, "netinit_phase": 0xFF, "led0": 1, "root_chip": 1, "num_buf": 7,
            "boot_delay": 20, "iobuf_size": self.iobuf_bytes, "sysbuf_size": 32768, "sdram_bufs": SDRAM,
            "num_cpus": CORES, "rom_cpus": CORES, "sdram_base": SDRAM, "sysram_base": SYSTEM_RAM,
            "sdram_sys": self._system, "vcpu_base": VCPU, "sys_heap": self._system + _IMAGE_BYTES,
            "rtr_free": router.ENTRIES - 1, "sw_ver": _VERSION,
        }  # fmt: skip
        for name, value in defaults.items():
            self._sv[name] = value
        self._tables()
        self._core_maps()
        self._heaps()
        self._registers()
        chip.system_ram.fresh = range(0x7F10, 0x7F20)
        chip.system_ram.refresh = self._clock
        chip.on_packet = lambda packet, cycle: self.packets.append((cycle, packet))
        chip.on_interrupt = self._mailboxes.drain
        chip.before_stretch.append(self._mailboxes.pump)
        chip.when_idle.append(self._mailboxes.pump)

    def _tables(self) -> None:
        """Pointers to the tables in the system part of the SDRAM."""
        at = self._system + _IMAGE_BYTES + 16
        sizes = (
            ("hop_table", 256 << 10),
            ("rtr_copy", 1025 * 16),
            ("alloc_tag", 65536 * 4),
            ("app_data", 256 * 8),
        )
        for name, size in sizes:
            self._sv[name] = at
            at += size
        self._iobufs = at

    def _core_maps(self) -> None:
        maps = bytearray(b"\xff" * 20), bytearray(b"\xff" * 20)
        for virtual, physical in enumerate(self._physical):
            maps[0][physical], maps[1][virtual] = virtual, physical
            block = self._mailboxes.vcpu(virtual)
            block["phys_cpu"] = physical
            block["cpu_state"] = _IDLE_STATE if virtual else 7
            block["sw_ver"] = _VERSION
            block["app_name"] = b"sark" if virtual else b"scamp-3"
            self.chip.system_ram.written[VCPU - SYSTEM_RAM + VCPU_BYTES * virtual + 0x7C] = self._marked(
                virtual
            )
        self.chip.memory(SV + P2V_MAP, 20)[:] = list(maps[0])
        self.chip.memory(SV + V2P_MAP, 20)[:] = list(maps[1])
        self.chip.memory(SV + STATUS_MAP, 20)[:] = 0

    def _marked(self, virtual: int) -> Callable[[int, int, int], None]:
        def mark(value: int, cycle: int, core: int) -> None:
            if core == self._physical[virtual]:
                self.chip.cores[core].mark(value, cycle)

        return mark

    def _heaps(self) -> None:
        """Heap roots in System RAM and SDRAM, and the shared buffers, which lie at the start of the former."""
        root, end = SYSTEM_RAM + 0x1100, SYSTEM_RAM + 0x7000
        buffers = root + 16 + 8
        after = buffers + BUFFERS * BUFFER_BYTES
        self._block(root + 16, after, 0xFFFF_0000)
        self._heap(root, root + 16, after, end)
        self._sv["sysram_heap"], self._sv["shm_buf"] = root, buffers
        for n in range(BUFFERS):
            following = buffers + (n + 1) * BUFFER_BYTES if n < BUFFERS - 1 else 0
            self._word(buffers + n * BUFFER_BYTES, following)
        self._sv["shm_free"], self._sv["shm_count"], self._sv["shm_max"] = buffers, 0, 0
        start = SDRAM + _SYSTEM_BUFFERS
        self._heap(start, start + 16, start + 16, self._system)
        self._sv["sdram_heap"] = start

    def _heap(self, root: int, first: int, free: int, end: int) -> None:
        last = end - 8
        self._block(free, last, 0)
        self._block(last, 0, 0)
        for n, value in enumerate((free, first, last, last - free - 8)):
            self._word(root + 4 * n, value)

    def _block(self, at: int, following: int, free: int) -> None:
        self._word(at, following)
        self._word(at + 4, free)

    def _word(self, address: int, value: int) -> None:
        self.write(address, struct.pack("<I", value))

    def _registers(self) -> None:
        chip = self.chip
        control = chip.system_controller
        control.ok, control.flags, control.locks = (1 << CORES) - 1, 0, 0
        control.values[sysctl.MON_ID] = self.core
        control.values[sysctl.MISC] = 1
        route = chip.router
        route.write(router.CONTROL, 4, 0x0040_0001 | self.core << 8, chip.cycles, -1)
        for n, rule in enumerate(_FILTERS):
            route.write(router.FILTERS[n], 4, rule, chip.cycles, -1)
        route.write(router.DIAGNOSTIC, 4, 0xFFFF_0FFF, chip.cycles, -1)
        route.p2p[:] = 0o6666_6666
        route.p2p[0] = 0o6666_6667

    def _clock(self, cycle: int) -> None:
        milliseconds = cycle * _MS // self.chip.facts.core.clock_hz
        block = struct.pack("<QHHI", milliseconds, milliseconds % _MS, 0, milliseconds // _MS)
        self.chip.system_ram.memory[0x7F10:0x7F20] = list(block)

    # Programs.

    def load(self, aplx: bytes, cores: Iterable[int], app_id: int = 30, wait: bool = False) -> None:
        """Load an APLX file into virtual cores and start it there.

        Parameters
        ----------
        aplx : bytes
            The file.
        cores : iterable of int
            Virtual cores, 1 to 17.
        app_id : int
            1 to 255.
        wait : bool
            Whether the program is told to wait for the signal "start".

        Errors
        ------
        AplxError; ValueError for cores and ids that do not exist.
        """
        chosen = list(cores)
        if not 0 < app_id < 256 or not all(0 < v < CORES for v in chosen):
            raise ValueError(
                f"app_id {app_id}, cores {chosen}; expected an id of 1 to 255, virtual cores 1 to 17"
            )
        for virtual in chosen:
            core = self.chip.core_of(virtual)
            core.halt()
            core.clear_code()
            entry = aplx_format.perform(aplx, core.place, self._fetcher(core))
            self._introduce(virtual, app_id)
            self.chip.system_controller.flags |= 1 << virtual
            core.begin(int(wait) << 8 | app_id, _STACK, self.chip.cycles, entry)

    def _fetcher(self, core: ChipCore) -> Callable[[int, int], bytes]:
        def fetch(address: int, nbytes: int) -> bytes:
            return core.memories.find(address, nbytes).tobytes()

        return fetch

    def _introduce(self, virtual: int, app_id: int) -> None:
        """What SC&MP writes to a core's block before it starts."""
        self._mailboxes.drop(virtual)
        self.chip.memory(VCPU + VCPU_BYTES * virtual, 0x70)[:] = 0
        block = self._mailboxes.vcpu(virtual)
        block["phys_cpu"], block["app_id"], block["cpu_state"] = self._physical[virtual], app_id, _INIT
        block["time"] = self.chip.cycles // self.chip.facts.core.clock_hz
        buffer = self._iobuf_of(virtual)
        self.write(buffer, bytes(16 + self.iobuf_bytes))
        block["iobuf"] = buffer
        self._apps[virtual] = app_id

    def route(self, entries: Sequence[tuple[int, int, Sequence[int]]]) -> None:
        """Add multicast entries: key, mask, virtual cores. Earlier entries win."""
        if self._entries + len(entries) > router.ENTRIES:
            raise ValueError(
                f"{len(entries)} more router entries; {router.ENTRIES - self._entries} of {router.ENTRIES} are free"
            )
        for key, mask, cores in entries:
            if key & mask != key:
                raise ValueError(f"key 0x{key:08x} has bits outside mask 0x{mask:08x}: it would never match")
            bits = sum(1 << 6 + self.physical(v) for v in set(cores))
            self.chip.router.set_entry(self._entries, key, mask, bits)
            self._entries += 1
        self._sv["rtr_free"] = router.ENTRIES - self._entries

    def clear_routes(self) -> None:
        """Remove all entries but the monitor's."""
        for index in range(1, self._entries):
            self.chip.router.set_entry(index, 0xFFFF_FFFF, 0, 0)
        self._entries = 1

    def signal(self, name: str, app_id: int | None = None) -> None:
        """Send a signal to the cores of an application, of all when no id is given.

        Parameters
        ----------
        name : str
            "start", "sync0", "sync1", "pause", "cont", "exit", "timer", "usr0" to "usr3", or "stop".
        """
        if name.lower() not in SIGNALS:
            raise ValueError(f"signal {name!r}; expected one of {', '.join(SIGNALS)}")
        number = SIGNALS[name.lower()]
        cores = [v for v, app in self._apps.items() if app_id in (None, app)]
        if name.lower() in ("sync0", "sync1"):
            bits = sum(1 << v for v in cores)
            flags = self.chip.system_controller
            flags.flags = flags.flags & ~bits if name.lower() == "sync0" else flags.flags | bits
            for virtual in cores:
                self._mailboxes.interrupt(virtual, self.chip.cycles)
        elif name.lower() == "stop":
            for virtual in cores:
                self._stop(virtual)
        else:
            for virtual in cores:
                self._mailboxes.send(virtual, number)

    def _stop(self, virtual: int) -> None:
        self.chip.core_of(virtual).halt()
        self._mailboxes.drop(virtual)
        block = self._mailboxes.vcpu(virtual)
        block["cpu_state"], block["app_id"] = _IDLE_STATE, 0
        del self._apps[virtual]

    def message(
        self,
        core: int,
        port: int,
        cmd: int,
        seq: int,
        a1: int = 0,
        a2: int = 0,
        a3: int = 0,
        data: bytes = b"",
    ) -> None:
        """Put a message into the mailbox of a virtual core, when that is free."""
        self._mailboxes.send(core, Message(core, port, cmd, seq, a1, a2, a3, data, flags=0x87))

    # Memory and state.

    def write(self, address: int, data: bytes, core: int | None = None) -> None:
        """Copy bytes into SDRAM or System RAM, or into a TCM of a virtual core when one is named."""
        if core is not None:
            self.chip.core_of(core).write(address, data)
        else:
            self.chip.memory(address, len(data))[:] = memoryview(data)

    def read(self, address: int, nbytes: int, core: int | None = None) -> bytes:
        """Copy bytes out of SDRAM or System RAM, or out of a TCM of a virtual core when one is named."""
        if core is not None:
            return self.chip.core_of(core).read(address, nbytes)
        return self.chip.memory(address, nbytes).tobytes()

    def vcpu(self, core: int) -> Vcpu:
        """What a virtual core tells of itself."""
        return decode(core, self.read(VCPU + VCPU_BYTES * core, VCPU_BYTES))

    def iobuf(self, core: int) -> str:
        """What a virtual core has printed."""
        text, seen = b"", set[int]()
        block = self._mailboxes.vcpu(core)["iobuf"] or self._iobuf_of(core)
        while block and block not in seen:
            seen.add(block)
            following, _, _, used = struct.unpack("<4I", self.read(block, 16))
            text += self.read(block + 16, min(used, self.iobuf_bytes))
            block = following
        return text.decode("utf-8", "replace")

    def _iobuf_of(self, virtual: int) -> int:
        return self._iobufs + virtual * (16 + self.iobuf_bytes)
