"""An image: all that a chip must hold to run a plan - code, programs, constants, routes - as one frozen value."""

from __future__ import annotations

import gc
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from spinntensor import abi
from spinntensor.abi.runtime import LOG, LOGGED, PROGRAM, SHARE, SHARE_WAITS, TURN, TURNS
from spinntensor.errors import OperandError, SDRAMError
from spinntensor.graph.graph import CONSTANT, INPUT, Graph
from spinntensor.image.addresses import Known
from spinntensor.image.aplx import aplx
from spinntensor.image.bells import CREDIT_KEY, Rings, Route, rings_of
from spinntensor.image.contents import to_bytes
from spinntensor.image.emit.action import Where
from spinntensor.image.encode import base_word, packed, task_bytes, tasks_of
from spinntensor.image.link import Linked, link
from spinntensor.image.overlap import Call, Row, overlapped
from spinntensor.image.places import Turn
from spinntensor.image.rows import Sites, sites_of
from spinntensor.machine.geometry import Machine
from spinntensor.plan.layout import Layout
from spinntensor.plan.plan import Plan
from spinntensor.plan.recipes.parts import OPERANDS_AT
from spinntensor.plan.share import Share

RUNTIME = "runtime"
DOUBLE = 8


@dataclass(frozen=True)
class Held:
    """A value in SDRAM: the node, where it lies in a batch's first place, how it turns, and how its bytes lie."""

    node: int
    at: Where
    layout: Layout


@dataclass(frozen=True)
class Worker:
    """What one worker is told.

    Parameters
    ----------
    core : its virtual core, by SC&MP's numbering.
    program : address of its program record, which the host writes before each run.
    shares, count, tables, task_bytes : fields of that record.
    rates : rings that it hears from each source in a period.
    log : address of its log.
    """

    core: int
    program: int
    shares: int
    count: int
    tables: int
    task_bytes: int
    rates: tuple[int, ...]
    log: int


@dataclass(frozen=True, eq=False)
class Image:
    """What a chip holds to run a plan; addresses count from the first byte of SDRAM that applications may have.

    Parameters
    ----------
    plan, sites, machine : what it was made of.
    application : the file that all workers load.
    code : the runtime and the kernels that the plan needs, with their symbols.
    workers : in the plan's order.
    pieces : address and bytes of all that lies in SDRAM from the start.
    routes : router entries, by workers.
    turns : how addresses move from batch to batch.
    phases : periods from a batch's first share to its last, less one.
    spacing : cycles from one ring of a core to its next at least.
    nbytes : SDRAM bytes in all.
    inputs, outputs, variables : values that the host writes and reads.
    """

    plan: Plan
    sites: Sites
    machine: Machine
    application: bytes
    code: Linked
    workers: tuple[Worker, ...]
    pieces: tuple[tuple[int, bytes], ...]
    routes: tuple[Route, ...]
    turns: tuple[Turn, ...]
    phases: int
    spacing: int
    nbytes: int

    def program(self, worker: Worker, sdram: int, batches: int) -> bytes:
        """The record of a worker for a run of so many batches, SDRAM addresses counted from `sdram`."""
        return PROGRAM.pack(
            {
                "layout": abi.LAYOUT_ID,
                "sdram": sdram,
                "shares": worker.shares,
                "count": worker.count,
                "batches": batches,
                "phases": self.phases,
                "tables": worker.tables,
                "task_bytes": worker.task_bytes,
                "log": worker.log,
                "log_count": LOGGED * worker.count,
                "credit_key": CREDIT_KEY,
                "spacing": self.spacing,
            }
        )

    def tables(self, worker: Worker, batches_before: int) -> bytes:
        """The tables of a worker, for a run that follows so many batches."""
        words = list(worker.rates)
        for turn in (*self.turns, *(Turn(0, 0) for _ in range(TURNS - len(self.turns)))):
            place = (batches_before + turn.first) % turn.copies if turn.copies else 0
            words += [place * turn.stride, turn.stride, turn.stride * turn.copies]
        return struct.pack(f"<{len(words)}I", *words)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles, which would walk over millions of actions again and again and find none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_uncollected()
def image_of(
    plan: Plan, graph: Graph, machine: Machine, told: Callable[[int, int], None] = lambda done, of: None
) -> Image:
    """The image of a plan of `graph` on `machine`.

    told : is called with the number of shares that are done, and of all.

    UnsupportedError for what no emitter writes; DTCMError, ITCMError, SDRAMError for what does not fit.
    """
    sites = sites_of(plan, graph, machine)
    rows: dict[int, Row] = {}
    for _, shares in groupby(plan.shares, lambda share: share.stage):
        known: Known = {}  # the tiles of a stage are alike
        for share in shares:
            told(len(rows), len(plan.shares))
            rows[share.number] = overlapped(tuple(sites.tiles(share)), OPERANDS_AT, known)
    kernels = sorted({c.kernel for row in rows.values() for c in row.commands if isinstance(c, Call)})
    code = link([RUNTIME, *kernels])
    phases = _phases(plan)
    rings = rings_of(plan.shares, plan.order, _fed(sites, phases), machine.facts)
    pool = sites.constants
    workers = tuple(
        _worker(sites, number, rows, rings, code.entries, phases) for number in range(len(plan.workers))
    )
    if len(sites.places.turns) > TURNS:
        received = f"{len(sites.places.turns)} ways to move from batch to batch"
        raise OperandError("image", "places", received, f"at most {TURNS}", "keep fewer values in two places")
    limit = machine.facts.sdram_usable_bytes
    if pool.end > limit:
        consumers = {"the plan": plan.totals.sdram_bytes, "programs and constants": pool.end - pool.base}
        raise SDRAMError(pool.end, limit, consumers, "", "their programs do not fit beside the values")
    return Image(
        plan,
        sites,
        machine,
        aplx(code.code),
        code,
        workers,
        (*pool.pieces, *_constants(sites)),
        rings.routes,
        tuple(sites.places.turns),
        max(phases.values(), default=0),
        0,
        pool.end,
    )


def _phases(plan: Plan) -> Mapping[int, int]:
    """The phase of each stage."""
    return {layer.stage: layer.phase for layer in plan.layers}


def _fed(sites: Sites, phases: Mapping[int, int]) -> dict[int, int]:
    """Shares that read what the host writes, or write what it reads: they wait until it lets their batch in."""
    lowered = sites.lowered
    outputs = {lowered.home(i) for i in lowered.graph.outputs}
    found = {}
    for share in sites.plan.shares:
        stage = lowered.stages[share.stage]
        reads = any(lowered.graph[lowered.home(i)].op == INPUT for i in stage.inputs)
        if reads or outputs & set(stage.results):
            found[share.number] = phases[share.stage]
    return found


def _worker(
    sites: Sites,
    number: int,
    rows: Mapping[int, Row],
    rings: Rings,
    entries: Mapping[str, int],
    phases: Mapping[int, int],
) -> Worker:
    """A worker's program, put into SDRAM but for what the host writes."""
    plan, pool = sites.plan, sites.constants
    shares = {s.number: s for s in plan.shares}
    mine = [shares[n] for n in plan.order[number]]
    tasks = {share.number: tasks_of(rows[share.number], entries, pool.put) for share in mine}
    nbytes = task_bytes([task for some in tasks.values() for task in some])
    records = b"".join(
        _share(
            share,
            pool.put(packed(tasks[share.number], nbytes)).address,
            len(tasks[share.number]),
            rings,
            phases,
            sites.clamped(share),
        )
        for share in mine
    )
    core = plan.workers[number][2]
    return Worker(
        core,
        pool.reserve(PROGRAM.size).address,
        pool.put(records).address,
        len(mine),
        pool.reserve(4 * len(rings.rates[number]) + TURN.size * TURNS).address,
        nbytes,
        rings.rates[number],
        pool.reserve(LOG.size * LOGGED * len(mine)).address,
    )


def _share(
    share: Share, tasks: int, count: int, rings: Rings, phases: Mapping[int, int], clamped: Where | None
) -> bytes:
    waits = rings.waits[share.number]
    words = {f"wait{i}": waits[i] if i < len(waits) else 0 for i in range(SHARE_WAITS)}
    head = {
        "mark": share.number,
        "phase": phases[share.stage],
        "tasks": tasks,
        "count": count,
        "ring": rings.keys.get(share.number, 0),
        "clamped": base_word(clamped.address, clamped.turn) if clamped else 0,
        "waits": len(waits),
    }
    return SHARE.pack({**head, **words})


def _constants(sites: Sites) -> Iterator[tuple[int, bytes]]:
    """Constants that lie in buffers of the plan as they are."""
    graph, setting = sites.lowered.graph, sites.setting
    for buffer in sites.plan.buffers:
        if buffer.node >= 0 and graph[buffer.node].op == CONSTANT:
            content = to_bytes(graph.constants[buffer.node], setting.layout(buffer.node))
            yield buffer.address, content.tobytes()
