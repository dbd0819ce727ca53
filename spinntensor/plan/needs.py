"""Which workers need what other workers made: exact dependencies by boxes, between workers rather than between tiles.

Nothing here knows of time, order or memory: `shares` makes waits of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spinntensor.graph.graph import INPUT
from spinntensor.lower.box import Box, Span
from spinntensor.lower.stage import Lowered, Stage
from spinntensor.lower.tile import Work, at_home
from spinntensor.plan.cut import Cut, Task
from spinntensor.plan.share import JOIN, TILES

Key = tuple[int, str, int]
"""Stage, step and worker: names a share before it has a number."""

Reads = Callable[[Stage, Task, str], Mapping[int, Box]]
"""The rule that gives, for a task of a stage and its step, the box that it reads of each of the stage's inputs, by node
id. Tasks have sums where their cut leaves partial sums, else none."""

HOST = -1
"""Stage and worker of the host's two transfers of a batch."""
FETCH, RETURN = "inputs", "outputs"
"""Their steps: the host writes the batch's inputs; it reads its outputs."""
HOST_IN: Key = (HOST, FETCH, HOST)
HOST_OUT: Key = (HOST, RETURN, HOST)

Place = tuple[str, int]
"""What a need is about: ("value", node) or ("partial", stage)."""


@dataclass(frozen=True)
class Need:
    """`reader` reads from SDRAM what `maker` wrote there.

    Parameters
    ----------
    place : ("value", id of the node that holds the bytes), or ("partial", number of the stage) for partial sums.
    batches : how many batches ago it was written: 1 for variables, which hold what the batch before left, else 0.
    """

    reader: Key
    maker: Key
    place: Place
    batches: int = 0


def needs(lowered: Lowered, cuts: Sequence[Cut], reads: Reads) -> tuple[Need, ...]:
    """All needs of a batch, the host's included, in the order of the stages.

    Parameters
    ----------
    cuts : of each stage.
    reads : is asked for rectangles of neighbouring tiles of one worker, not for each tile; see `rules`.

    A box that is read of another view of a value is taken as the smallest box of the value that holds it: never too few
    needs, sometimes a few more than there are.
    """
    graph = lowered.graph
    made = {stage.number: _Parts(step_boxes(cuts[stage.number])) for stage in lowered.stages}
    writers = {v: lowered.home(new) for v, new in graph.updates if lowered.home(new) in lowered.maker}
    found: dict[Need, None] = {}

    def meet(number: int, step: str, read: _Parts, home: int, place: Place, batches: int) -> None:
        maker = lowered.maker[home]
        for reader, source in _overlaps(read, made[maker]):
            key = maker, last_step(cuts[maker]), source
            found[Need((number, step, reader), key, place, batches)] = None

    for stage in lowered.stages:
        number, cut = stage.number, cuts[stage.number]
        for step in (TILES, JOIN) if cut.partial else (TILES,):
            for home, boxes in _read(lowered, stage, cut, step, reads).items():
                op, place = graph[home].op, ("value", home)
                if op == INPUT:
                    for worker in boxes:
                        found[Need((number, step, worker), HOST_IN, place)] = None
                elif home in writers:
                    meet(number, step, _Parts(boxes), writers[home], place, 1)
                elif home in lowered.maker:
                    meet(number, step, _Parts(boxes), home, place, 0)
        if cut.partial:
            tiles = _Parts(tile_boxes(cut, sums=False))
            for joiner, worker in _overlaps(made[number], tiles):
                found[Need((number, JOIN, joiner), (number, TILES, worker), ("partial", number))] = None
    for home in sorted({lowered.home(number) for number in graph.outputs}):
        if home in lowered.maker:
            maker = lowered.maker[home]
            for worker in made[maker].workers:
                found[Need(HOST_OUT, (maker, last_step(cuts[maker]), worker), ("value", home))] = None
    return tuple(found)


def last_step(cut: Cut) -> str:
    """The step that leaves a stage's results."""
    return JOIN if cut.partial else TILES


def rules(lowered: Lowered) -> Reads:
    """What tiles and joins read, by the rules of `lower`."""
    ready: dict[int, Work] = {}

    def reads(stage: Stage, task: Task, step: str) -> Mapping[int, Box]:
        if stage.number not in ready:
            ready[stage.number] = Work(lowered, stage)
        return ready[stage.number].reads(task.box, task.sums, step == JOIN)

    return reads


def tile_boxes(cut: Cut, sums: bool) -> dict[int, list[Box]]:
    """For each worker, its tiles as few rectangles; what is summed over is their last axis where it is cut and wanted.

    Neighbouring tiles that are next to one another in the order of tiles are joined, axis by axis from the fastest.
    """
    wanted = bool(cut.sums) and sums
    found: dict[int, list[Box]] = {}
    for task, worker in cut:
        box = (*task.box, task.sums) if wanted and task.sums is not None else task.box
        found.setdefault(worker, []).append(box)
    axes = cut.order or tuple(range(len(cut.parts)))
    rank = len(cut.spans) + wanted
    for worker, boxes in found.items():
        boxes = list(dict.fromkeys(boxes))
        for axis in reversed([a for a in axes if a < rank]):
            boxes = list(_joined(boxes, axis))
        found[worker] = boxes
    return found


def step_boxes(cut: Cut) -> dict[int, list[Box]]:
    """For each worker that leaves results of a stage, their boxes as few rectangles."""
    if not cut.partial:
        return tile_boxes(cut, sums=False)
    found: dict[int, list[Box]] = {}
    for box, worker in cut.joins():
        found.setdefault(worker, []).append(box)
    for worker, boxes in found.items():
        for axis in reversed(range(len(cut.spans))):
            boxes = list(_joined(boxes, axis))
        found[worker] = boxes
    return found


def images_of(cut: Cut, step: str) -> dict[int, frozenset[int]]:
    """For each worker of a step, the indices of the first axis of the results of which it computes a part."""
    source = cut.joins() if step == JOIN else ((task.box, worker) for task, worker in cut)
    spans: dict[int, set[Span]] = {}
    for box, worker in source:
        spans.setdefault(worker, set()).add(box[0])
    return {w: frozenset(i for span in found for i in range(*span)) for w, found in spans.items()}


def _joined(boxes: Sequence[Box], axis: int) -> Iterator[Box]:
    """Consecutive boxes that continue one another along an axis, as one."""
    held: Box | None = None
    for box in boxes:
        if (
            held is not None
            and held[axis][1] == box[axis][0]
            and held[:axis] == box[:axis]
            and held[axis + 1 :] == box[axis + 1 :]
        ):
            held = (*held[:axis], (held[axis][0], box[axis][1]), *held[axis + 1 :])
            continue
        if held is not None:
            yield held
        held = box
    if held is not None:
        yield held


def _read(
    lowered: Lowered, stage: Stage, cut: Cut, step: str, reads: Reads
) -> dict[int, dict[int, list[Box]]]:
    """For each value that a step of a stage reads, for each worker, the boxes that it reads of it."""
    found: dict[int, dict[int, list[Box]]] = {}
    for worker, boxes in (step_boxes(cut) if step == JOIN else tile_boxes(cut, cut.partial)).items():
        for box in boxes:
            task = Task(box[:-1], box[-1]) if step == TILES and cut.partial else Task(box)
            for number, read in reads(stage, task, step).items():
                home, held = at_home(lowered, number, read)
                found.setdefault(home, {}).setdefault(worker, []).append(held)
    return found


class _Parts:
    """Boxes of several workers as arrays: `spans` [boxes, axes, 2] and, for each box, the place of its worker."""

    def __init__(self, boxes: Mapping[int, Iterable[Box]]) -> None:
        self.workers = tuple(sorted(boxes))
        listed = [(place, box) for place, worker in enumerate(self.workers) for box in boxes[worker]]
        rank = len(listed[0][1]) if listed else 0
        self.owner = np.array([place for place, _ in listed], np.int64)
        self.spans = np.array([box for _, box in listed], np.int64).reshape(len(listed), rank, 2)


def _overlaps(one: _Parts, other: _Parts) -> Iterator[tuple[int, int]]:
    """Pairs of workers, one from each, that have boxes with an element in common, in ascending order."""
    meet = np.ones((len(one.spans), len(other.spans)), bool)
    for axis in range(one.spans.shape[1]):
        a, b = one.spans[:, axis], other.spans[:, axis]
        meet &= np.maximum(a[:, None, 0], b[None, :, 0]) < np.minimum(a[:, None, 1], b[None, :, 1])
    found = np.zeros((len(one.workers), len(other.workers)), bool)
    at = np.nonzero(meet)
    found[one.owner[at[0]], other.owner[at[1]]] = True
    for i, j in zip(*np.nonzero(found), strict=True):
        yield one.workers[i], other.workers[j]
