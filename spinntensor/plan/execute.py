"""A plan's tiles computed on the host, one by one: the same bits as the host executor, or the plan is wrong.

Every tile sees of other values only the boxes that the rules say it reads, and every element of a result is written
once. Nothing is scheduled here; tiles run in the order of their stage's cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from spinntensor.errors import CutError, GraphError, SpinnTensorError
from spinntensor.formats.description import Bfp16, Quantized, grid
from spinntensor.graph.graph import CONSTANT, SOURCES, TensorType
from spinntensor.lower.box import Box, Span, index, sizes
from spinntensor.lower.site import dtype_of, part_of
from spinntensor.lower.stage import Axis, Lowered, Stage
from spinntensor.lower.tile import Work
from spinntensor.machine.host import Result
from spinntensor.ops.operation import Value
from spinntensor.ops.shape import bfp16_axis
from spinntensor.plan.cut import Cut


class Held:
    """A value while it is put together from boxes; each element is written once."""

    def __init__(self, kind: TensorType, stage: str) -> None:
        self.stage = stage
        self.data = np.empty(kind.shape, dtype_of(kind.format))
        self.written = np.zeros(kind.shape, np.bool_)
        self.axis = bfp16_axis(kind.format)
        units = () if self.axis is None else (kind.shape[self.axis],)
        self.unit = np.zeros(units) if kind.format.startswith("bfp16") else None

    def write(self, box: Box, value: Value) -> None:
        """One box; CutError where it was written before, or the value has another shape or type."""
        data = value.data if isinstance(value, Quantized) else value
        if data.shape != sizes(box) or data.dtype != self.data.dtype:
            received, expected = f"{data.shape} {data.dtype}", f"{sizes(box)} {self.data.dtype}"
            raise CutError(self.stage, received, expected, f"correct the rule that computes box {box}")
        where: Any = (..., *index(box)) if not box else index(box)
        if self.written[where].any():
            raise CutError(
                self.stage, f"elements of box {box} twice", "each once", "cut the stage without overlap"
            )
        self.data[where] = data
        self.written[where] = True
        if self.unit is not None:
            self._exponents(box, value)

    def _exponents(self, box: Box, value: Value) -> None:
        """The exponents that come with a box: they must be those of all other boxes."""
        assert isinstance(value, Quantized) and value.scale is not None and self.unit is not None
        some: Any = ... if self.axis is None else slice(*box[self.axis])
        known = self.unit[some]
        if np.any((known != 0) & (known != value.scale)):
            received = f"exponent {value.exponent} in box {box}"
            raise CutError(self.stage, received, "one exponent of the whole tensor", "correct the rule")
        self.unit[some] = value.scale

    def done(self) -> Value:
        """The value; CutError unless all of it was written."""
        if not self.written.all():
            missing = int(np.count_nonzero(~self.written))
            raise CutError(
                self.stage, f"{missing} elements never written", "each once", "cover the stage with its cut"
            )
        if self.unit is None:
            return self.data
        return Quantized(grid(Bfp16(self.axis), self.unit), self.data)


def checked(stage: Stage, cut: Cut) -> None:
    """CutError unless `cut` divides the stage: spans in order from 0 to the end, at multiples of the unit."""
    if len(cut.spans) != len(stage.axes):
        raise CutError(stage.name, f"{len(cut.spans)} axes", f"{len(stage.axes)}", "give spans for each axis")
    for axis, spans in zip(stage.axes, cut.spans, strict=True):
        _covered(stage, axis, spans)
    if cut.sums:
        if stage.sums is None:
            raise CutError(stage.name, f"spans {cut.sums} of sums", "none", "this stage's sums are not split")
        _covered(stage, stage.sums, cut.sums)
    boxes = prod(map(len, cut.spans))
    for name, given, needed in (
        ("owners", len(cut.owners), cut.tiles),
        ("joiners", len(cut.joiners), boxes if cut.partial else 0),
    ):
        if given != needed:
            raise CutError(stage.name, f"{given} {name}", f"{needed}", "name a worker for each")
    if cut.order and sorted(cut.order) != list(range(len(cut.parts))):
        expected = f"each of {tuple(range(len(cut.parts)))} once"
        raise CutError(stage.name, f"order {cut.order}", expected, "name each axis once")


def _covered(stage: Stage, axis: Axis, spans: Sequence[Span]) -> None:
    at = 0
    for start, stop in spans:
        if (
            start != at
            or (start % axis.unit and start < axis.size)
            or stop < start
            or (stop == start and axis.size)
        ):
            expected = f"spans from 0 to {axis.size}, one behind the other, cut at multiples of {axis.unit}"
            raise CutError(
                stage.name, f"spans {tuple(spans)} of axis {axis.name}", expected, "cut the axis again"
            )
        at = stop
    if at != axis.size or not spans:
        expected = f"spans to {axis.size}"
        raise CutError(stage.name, f"spans to {at} of axis {axis.name}", expected, "cover the whole axis")


class _Memory:
    """The values so far, and who still reads them."""

    def __init__(self, lowered: Lowered, values: Mapping[int, Value]) -> None:
        self.lowered = lowered
        self.whole: dict[int, Value] = {}
        for node in lowered.graph.nodes:
            if node.op in SOURCES:
                value = lowered.graph.constants[node.id] if node.op == CONSTANT else values.get(node.id)
                if value is None or value.shape != node.type.shape:
                    received = "no value" if value is None else f"shape {value.shape}"
                    expected = f"a value of shape {node.type.shape}"
                    raise GraphError(node.id, node.op, node.source, received, expected)
                self.whole[node.id] = value
        kept = {lowered.home(i) for i in lowered.graph.roots}
        reads = Counter(lowered.home(i) for s in lowered.stages for i in s.inputs)
        self.readers = {i: n for i, n in reads.items() if i not in kept}

    def value(self, number: int) -> Value:
        """The whole value of a node: that of its home, in its own shape."""
        home = self.whole[self.lowered.home(number)]
        shape = self.lowered.graph[number].type.shape
        if home.shape == shape:
            return home
        if isinstance(home, Quantized):
            return Quantized(home.grid, home.data.reshape(shape))
        return home.reshape(shape)

    def read(self, stage: Stage) -> None:
        """Lets go of what no stage behind this one reads."""
        for i in map(self.lowered.home, stage.inputs):
            if i in self.readers:
                self.readers[i] -= 1
                if self.readers[i] == 0:
                    del self.whole[i]


def execute(lowered: Lowered, cuts: Sequence[Cut], values: Mapping[int, Value]) -> Result:
    """One run of a lowered graph, each stage in the tiles of its cut; like `spinntensor.machine.host.execute`.

    values : of inputs and variables, by id.

    Raises CutError for a cut that does not divide its stage, GraphError for a missing value, and what operations raise.
    """
    if len(cuts) != len(lowered.stages):
        raise CutError("all", f"{len(cuts)} cuts", f"{len(lowered.stages)}", "give one for each stage")
    memory = _Memory(lowered, values)
    counts: dict[int, Counter[str]] = {}

    def counting(number: int, found: Mapping[str, int]) -> None:
        if number in lowered.copies:
            return  # has been counted where it was computed first
        counts.setdefault(number, Counter()).update({name: n for name, n in found.items() if n})

    with np.errstate(all="ignore"):  # what numbers do is counted by the operations themselves
        for stage, cut in zip(lowered.stages, cuts, strict=True):
            checked(stage, cut)
            try:
                memory.whole |= _stage(lowered, stage, cut, memory, counting)
            except SpinnTensorError as error:
                source = lowered.graph[stage.results[0]].source or "a graph"
                error.add_note(f"in stage {stage.name}, from {source}")
                raise
            memory.read(stage)
    graph = lowered.graph
    updates = {variable: memory.value(value) for variable, value in graph.updates}
    found = {i: dict(c) for i, c in counts.items() if c}
    return Result([memory.value(i) for i in graph.outputs], updates, found)


def _stage(lowered: Lowered, stage: Stage, cut: Cut, memory: _Memory, counting: Any) -> dict[int, Value]:
    """All results of a stage."""
    work = Work(lowered, stage)
    seen = {i: memory.value(i) for i in stage.inputs}

    def fetch(number: int, box: Box) -> Value:
        return part_of(seen[number], box)

    held = {i: Held(lowered.graph[i].type, stage.name) for i in stage.results}
    parts: dict[Box, dict[Span, Any]] = {}
    for task, _ in cut:
        if cut.partial:
            assert task.sums is not None
            found = work.partial(task.box, task.sums, fetch, counting)
            parts.setdefault(task.box, {})[task.sums] = found
            continue
        for i, value in work.run(task.box, fetch, counting).items():
            held[i].write(task.box, value)
    for box, _ in cut.joins() if cut.partial else ():
        found = [parts[box][span] for span in cut.sums]
        for i, value in work.join(box, found, fetch, counting).items():
            held[i].write(box, value)
    return {i: h.done() for i, h in held.items()}
