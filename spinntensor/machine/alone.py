"""A row of commands on one core of an emulated chip, for measurements: the runtime, the engine, and nothing around."""

from __future__ import annotations

from collections.abc import Mapping

from spinntensor import abi
from spinntensor.abi.runtime import CREDIT_PORT, PROGRAM, SHARE, SOURCES, TURN, TURNS
from spinntensor.abi.struct import WORD
from spinntensor.emulator.chip import Chip
from spinntensor.emulator.chipcore import ChipCore
from spinntensor.emulator.facts import ChipFacts
from spinntensor.emulator.monitor import Monitor
from spinntensor.emulator.sv import VCPU, VCPU_BYTES
from spinntensor.errors import OperandError
from spinntensor.image.aplx import aplx
from spinntensor.image.constants import Constants
from spinntensor.image.encode import packed, task_bytes, tasks_of
from spinntensor.image.link import link
from spinntensor.image.overlap import Call, Row

CORE = 1
_USER0, _USER1 = 0x70, 1
_ALIGN = 64


class Alone:
    """A core that is ready to walk a row.

    Parameters
    ----------
    row : its commands; addresses in SDRAM count from `sdram`, where the first 64 bytes are free.
    facts : of the chip.
    data : bytes of the DTCM, by address.
    """

    def __init__(
        self,
        row: Row,
        facts: ChipFacts,
        data: Mapping[int, bytes] | None = None,
        quantum: int = 10_000,
        strict: bool = False,
    ) -> None:
        kernels = sorted({c.kernel for c in row.commands if isinstance(c, Call)})
        self.code = link(["runtime", *kernels])
        self.chip = Chip(facts, threads=1, quantum=quantum, strict=strict)
        self.monitor = Monitor(self.chip)
        self.monitor.boot()
        self.sdram = -(-self.monitor.heap.start // _ALIGN) * _ALIGN
        self.monitor.load(aplx(self.code.code), [CORE])
        if strict:
            self.core.allow_store(abi.memory.OPERANDS_BASE, abi.memory.DTCM_END - abi.memory.OPERANDS_BASE)
        self.chip.run()
        for address, content in (data or {}).items():
            self.core.place(address, content)
        pool = Constants(_ALIGN)
        record = pool.put(self._record(row, pool)).address
        for address, content in pool.pieces:
            self.monitor.write(self.sdram + address, content)
        word = (self.sdram + record).to_bytes(4, "little")
        self.monitor.write(VCPU + VCPU_BYTES * CORE + _USER0, word)

    @property
    def core(self) -> ChipCore:
        """The core."""
        return self.chip.core_of(CORE)

    def _record(self, row: Row, pool: Constants) -> bytes:
        tasks = tasks_of(row, self.code.entries, pool.put)
        nbytes = task_bytes(tasks)
        share = dict.fromkeys(SHARE.names, 0)
        share |= {"tasks": pool.put(packed(tasks, nbytes)).address, "count": len(tasks)}
        made = dict.fromkeys(PROGRAM.names, 0)
        made |= {"layout": abi.LAYOUT_ID, "sdram": self.sdram, "count": 1, "batches": 1, "task_bytes": nbytes}
        made["shares"] = pool.put(SHARE.pack(share)).address
        made["tables"] = pool.zeros(WORD * SOURCES + TURN.size * TURNS).address
        return PROGRAM.pack(made)

    def run(self) -> int:
        """Walk the row; cycles that the core executed.

        OperandError where it does not come to its end.
        """
        before = self.core.awake_cycles
        self.monitor.signal("sync0")
        self.monitor.message(CORE, CREDIT_PORT, 0, 0, 1)
        self.chip.run()
        found = self.monitor.vcpu(CORE)
        if found.user[_USER1] != 1:
            faults = "; ".join(map(str, self.core.faults)) or f"state {found.state}, error {found.user[2]}"
            raise OperandError("tile_engine", "row", faults, "the end of the row", "correct its commands")
        return self.core.awake_cycles - before
