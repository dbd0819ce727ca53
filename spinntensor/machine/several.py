"""Runs tile tasks on several emulated cores that share one SDRAM, from one barrier to the next.

Each core walks a program of its own. Here they run one after the other, and a step ends when the slowest would: what
cores cost each other at the SDRAM is not in the figures, nor what a barrier costs. No core may store what another one
reads or stores in the same step; then their order cannot show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinntensor.abi.engine import BLOCK, COMMAND
from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError
from spinntensor.image.pipeline import Pipeline, pipeline
from spinntensor.image.program import Move
from spinntensor.kernels.tile import Fetch, Store, Tile
from spinntensor.machine.tile_engine import OPERANDS_AT, Execution, execute

_ALIGN = 64


@dataclass(frozen=True)
class Task:
    """A tile, and where in SDRAM its operands and results lie: label of a transfer -> address.

    A fetch of another label is of a constant: its bytes are put into SDRAM once, for all tasks that have the same.
    """

    tile: Tile
    at: Mapping[str, int]


@dataclass(frozen=True)
class Together:
    """What the cores did in a step.

    Parameters
    ----------
    executions : of the cores that had tasks.
    tasks : how many each core had.
    free : first SDRAM address behind programs and constants.
    """

    executions: tuple[Execution, ...]
    tasks: tuple[int, ...]
    free: int

    @property
    def cycles(self) -> int:
        """Model cycles of the slowest core."""
        return max((e.counters.cycles for e in self.executions), default=0)

    @property
    def busy(self) -> float:
        """The share of all cores' cycles in which a kernel runs."""
        spans = [s for e in self.executions for s in e.spans if s.lane == "compute"]
        return sum(s.end - s.start for s in spans) / max(1, len(self.tasks) * self.cycles)


def together(cores: Sequence[Core], tasks: Sequence[Sequence[Task]], free: int) -> Together:
    """Run `tasks[i]`, in order, on core i; programs and constants lie in SDRAM from address `free` on.

    OperandError for more lists than cores, and for a store that another core reads or overwrites; the errors of
    `pipeline` and `execute`.
    """
    if len(tasks) > len(cores):
        raise OperandError(
            "several", "tasks", f"{len(tasks)} lists", f"at most {len(cores)}", "deal them to fewer cores"
        )
    if any(core.memories.sdram is not cores[0].memories.sdram for core in cores):
        raise OperandError(
            "several", "cores", "cores with SDRAMs of their own", "one SDRAM", "give each Core the same sdram"
        )
    constants: dict[bytes, int] = {}
    free = _up(free)

    def take(nbytes: int) -> int:
        nonlocal free
        at, free = free, _up(free + nbytes)
        return at

    def program(own: Sequence[Task]) -> Pipeline:
        def place(i: int, transfer: Fetch | Store) -> int:
            if transfer.label in own[i].at:
                return own[i].at[transfer.label]
            if isinstance(transfer, Store):
                known = ", ".join(own[i].at)
                raise OperandError("several", transfer.label, "no address", f"one of {known}", "give it one")
            content = transfer.data.tobytes()
            if content not in constants:
                constants[content] = take(len(content))
            return constants[content]

        return pipeline([task.tile for task in own], place, OPERANDS_AT) if own else Pipeline((), {})

    programs = [program(own) for own in tasks]
    _no_races(programs)
    for content, at in constants.items():
        cores[0].write(at, content)
    executions = []
    for core, piped in zip(cores, programs, strict=False):
        if piped.commands:
            at = take(COMMAND.size * (len(piped.commands) + BLOCK))
            executions.append(execute(core, piped.commands, at, {}, piped.regions))
    counts = [len(own) for own in tasks] + [0] * (len(cores) - len(tasks))
    return Together(tuple(executions), tuple(counts), free)


def _up(address: int) -> int:
    return -(-address // _ALIGN) * _ALIGN


def _no_races(programs: Sequence[Pipeline]) -> None:
    """OperandError when a core stores bytes that another one moves."""
    moves = sorted(
        (c.system, c.system + c.nbytes, core, c.to_system, c.label)
        for core, program in enumerate(programs)
        for c in program.commands
        if isinstance(c, Move)
    )
    open_: list[tuple[int, int, bool, str]] = []
    for start, end, core, stores, label in moves:
        open_ = [other for other in open_ if other[0] > start]
        for _, owner, written, name in open_:
            if owner != core and (stores or written):
                received = f"core {core} ({label}) and core {owner} ({name}) at {start:#x}"
                raise OperandError(
                    "several",
                    "tasks",
                    received,
                    "stores that no other core touches",
                    "put a barrier between them",
                )
        open_.append((end, core, stores, label))
