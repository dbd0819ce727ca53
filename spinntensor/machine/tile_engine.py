"""Runs a program on one emulated core by its tile engine, and says when each command ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinntensor.abi import memory
from spinntensor.abi.engine import BLOCK, COMMAND, ENGINE, ERRORS
from spinntensor.emulator.core import Core
from spinntensor.emulator.counters import Counters
from spinntensor.errors import DTCMError, EngineError
from spinntensor.image.link import link
from spinntensor.image.program import Command, Invoke, encode

ENGINE_AT = memory.OPERANDS_BASE
BLOCKS_AT = ENGINE_AT + 64
OPERANDS_AT = BLOCKS_AT + 2 * BLOCK * COMMAND.size
"""First DTCM address that is free for a program's own data; the trace lies at the end, below the stack."""


@dataclass(frozen=True)
class Span:
    """A stretch of model cycles on one lane of the time line: `compute`, `wait`, `dma in` or `dma out`."""

    lane: str
    label: str
    start: int
    end: int


@dataclass(frozen=True)
class Execution:
    """What a program did: counters, time line, and transfers done."""

    counters: Counters
    spans: tuple[Span, ...]
    moves: int


def trace_room(count: int) -> int:
    """Bytes that the trace of `count` commands takes."""
    return -(-2 * 4 * count // 8) * 8


def execute(
    core: Core,
    commands: Sequence[Command],
    program_at: int,
    data: Mapping[int, bytes],
    regions: Mapping[str, int] | None = None,
) -> Execution:
    """Load code, program and `data` (SDRAM address -> bytes), run the program to its end.

    Parameters
    ----------
    program_at : SDRAM address of the program, a multiple of 8.
    regions : DTCM bytes that the commands use from `OPERANDS_AT` on, by name.

    Errors
    ------
    DTCMError when the regions and the trace do not fit, ITCMError when the code does not; EngineError when the
    engine stops with an error: nothing of its result is to be used then.
    """
    room = trace_room(len(commands) + 1)
    needed = room + sum((regions or {}).values())
    if needed > memory.STACK_LIMIT - OPERANDS_AT:
        sizes = {**(regions or {}), "trace": room}
        raise DTCMError("tile_engine", needed, memory.STACK_LIMIT - OPERANDS_AT, sizes)
    kernels = [c.kernel for c in commands if isinstance(c, Invoke)]
    linked = link(["tile_engine", *kernels])
    program, count = encode(commands, linked.entries)
    trace_at = memory.STACK_LIMIT - trace_room(count)
    core.load(linked.code, linked.symbols)
    core.forget()
    core.set_stack(memory.STACK_LIMIT, memory.DTCM_END)
    core.allow_store(memory.OPERANDS_BASE, memory.STACK_LIMIT - memory.OPERANDS_BASE)
    for address, content in data.items():
        core.write(address, content)
    core.write(program_at, program)
    record = {"program": program_at, "count": count, "blocks": BLOCKS_AT, "trace": trace_at}
    core.write(ENGINE_AT, ENGINE.pack({**dict.fromkeys(ENGINE.names, 0), **record}))
    before, log_start = core.cycles, len(core.dma.log)
    counters = core.call(linked.entries["tile_engine"], ENGINE_AT, sp=memory.DTCM_END)
    report = ENGINE.unpack(core.read(ENGINE_AT, ENGINE.size))
    if report["status"] != ERRORS["ENGINE_OK"]:
        name = next(n for n, code in ERRORS.items() if code == report["status"])
        at = report["at"]
        label = commands[at].label if at < len(commands) else "end of program"
        raise EngineError(name, at, label, report["dma_status"])
    return Execution(counters, _spans(core, commands, trace_at, before, log_start), report["moves"])


def _spans(
    core: Core, commands: Sequence[Command], trace_at: int, before: int, log_start: int
) -> tuple[Span, ...]:
    spans = []
    for i, command in enumerate(commands):
        start, end = (int.from_bytes(core.read(trace_at + 8 * i + 4 * j, 4), "little") for j in range(2))
        spans.append(Span("compute" if isinstance(command, Invoke) else "control", command.label, start, end))
    for t in core.dma.log[log_start:]:
        spans.append(Span("dma out" if t.to_system else "dma in", "", t.start - before, t.end - before))
    return tuple(spans)
