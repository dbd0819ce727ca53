"""A plan: everything that is decided about running a graph on a machine, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spinntensor.plan.cut import Cut
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.share import Share

ISSUE, DMA, DOORBELLS, HOST = "issue", "dma", "doorbells", "host"
"""What can bound a layer."""


@dataclass(frozen=True)
class Layer:
    """One stage as it is planned.

    Parameters
    ----------
    stage : its number; `name` and `kind` are those of the stage.
    shape : of its results, the batch included.
    macs : logical multiply-accumulates of a period.
    cut : its tiles, and who computes them.
    recipe : of its largest tile.
    tile : sizes of that tile by axis.
    cycles : model cycles of its slowest worker in a period.
    terms : model cycles by name, summed over the workers: `kernels`, `engine`, `dma` (waited for), `doorbells`, `idle`.
    bound_by : `issue`, `dma`, `doorbells` or `host`.
    runner_up : the second best way, its kernel, tile and cycles, in words; empty when there was none.
    recipes : of all tiles, by their sizes (of what is summed over last, where that is cut).
    joins : of joining the partial sums of a box, by its sizes.
    phase : in period p it works on the batch that began in period p - phase.
    """

    stage: int
    name: str
    kind: str
    shape: tuple[int, ...]
    macs: int
    cut: Cut
    recipe: Recipe
    tile: tuple[tuple[str, int], ...]
    cycles: float
    terms: Mapping[str, float]
    bound_by: str
    runner_up: str
    recipes: tuple[tuple[tuple[int, ...], Recipe], ...] = ()
    joins: tuple[tuple[tuple[int, ...], Recipe], ...] = ()
    phase: int = 0

    @property
    def cores(self) -> int:
        return len(self.cut.workers)

    @property
    def idle(self) -> float:
        """The part of the layer's time, over all workers, in which nothing is computed."""
        total = sum(self.terms.values())
        return self.terms["idle"] / total if total else 0.0


@dataclass(frozen=True)
class Buffer:
    """Bytes of the SDRAM, for a whole run or from the first layer that writes them to the last that reads them.

    role : `input`, `output`, `weights`, `state`, `activation`, `partial`, `program` or `code`.
    first, last : numbers of layers; -1 and the number of layers for what is there all the time.
    node : the graph's node whose value it holds, or -1.
    copies, stride : places of `nbytes` each, for images or batches, and the bytes from one to the next (0: one place).
    """

    name: str
    role: str
    address: int
    nbytes: int
    first: int
    last: int
    node: int = -1
    copies: int = 1
    stride: int = 0


@dataclass(frozen=True)
class Totals:
    """What the whole plan is worth; cycles are model cycles.

    period_cycles is the initiation interval: from one batch to the next in the steady state, inputs resident; fill and
    drain are what the first batch takes longer until it is done, and the last after the last one has begun; bubbles
    are the cycles in a period in which a worker waits, over all workers.
    """

    images_per_s: float
    images_per_s_host_fed: float
    latency_ms: float
    period_cycles: float
    fill_cycles: float
    drain_cycles: float
    bubble_cycles: float
    mac_per_worker_cycle: float
    joules_per_image: float
    host_share: float
    sdram_bytes: int


LEAD, BODY, TAIL, INPUT, OUTPUT = "lead", "body", "tail", "input", "output"
"""Kinds of spans: a share's first transfers, its kernels, its last transfers; what the host's link carries."""

LINK = -1
"""Lane of the host's link, and the share that its spans name."""


@dataclass(frozen=True)
class Span:
    """Part of the simulated time line, in model cycles: `lane` is a worker's number, or -1 for the host's link.

    kind : `lead`, `body` or `tail` of a share in a period; `input` or `output` of a period on the link, share -1.
    """

    lane: int
    share: int
    period: int
    start: float
    end: float
    kind: str


@dataclass(frozen=True)
class Plan:
    """How a graph runs on a machine.

    Parameters
    ----------
    model, machine, format, objective : as they were asked for.
    batch : images of a period.
    workers : physical core of each worker, as (x, y, number in SC&MP's order).
    applications : application cores of the machine, which `mac_per_worker_cycle` counts all.
    layers : the stages in order.
    shares : of one period; `order` has, for each worker, their numbers in the order in which it does them.
    buffers : the SDRAM.
    totals : what it is worth.
    spans : the simulated time line of a few periods.
    variants : totals at other figures of the machine, by what was changed.
    recomputed : nodes that a training step computes again instead of keeping a value; the layers are those of
        `plan.keep.lowered_with(graph, recomputed)`.
    """

    model: str
    machine: str
    format: str
    objective: str
    batch: int
    workers: tuple[tuple[int, int, int], ...]
    applications: int
    layers: tuple[Layer, ...]
    shares: tuple[Share, ...]
    order: tuple[tuple[int, ...], ...]
    buffers: tuple[Buffer, ...]
    totals: Totals
    spans: tuple[Span, ...]
    variants: tuple[tuple[str, Totals], ...] = ()
    recomputed: tuple[tuple[int, ...], ...] = ()
