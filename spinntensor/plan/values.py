"""Everything that a plan keeps in SDRAM, with its size, and the stages between which its bytes must stay.

Where it lies is decided in `sdram`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from types import MappingProxyType

from spinntensor.graph.graph import CONSTANT, INPUT, VARIABLE
from spinntensor.lower.stage import Lowered, Stage
from spinntensor.plan.cut import Cut, Task
from spinntensor.plan.layout import DOUBLE, Layout
from spinntensor.plan.needs import Place, Reads, images_of, last_step, step_boxes
from spinntensor.plan.share import JOIN, TILES

Owners = tuple[frozenset[int], ...]
"""For each image of a batch, the workers that compute something of it."""

Readers = Mapping[int, tuple[int, ...]]
"""For each node that holds bytes, the numbers of the stages that read them."""

STATE = "state"
"""Role of variables."""
FIXED = ("weights", STATE, "program", "code")
"""Roles whose bytes do not grow with the batch."""


@dataclass(frozen=True)
class Value:
    """Bytes with a purpose.

    Parameters
    ----------
    name, role, node : as in `plan.Buffer`.
    nbytes : of one place of it; of one image where `owners` are given.
    uses : numbers of the stages that write or read it, ascending.
    first, last : stages between which it must stay, both included; -1 and the number of stages for always.
    place : what needs call it, or None for what no worker writes.
    copies : places that it has, for batches that are under way.
    phase : of the stages that use it, where it does not stay always.
    owners : the workers of each image, where these are the same in all stages that use it and it may lie in arenas of
        images; else ().
    """

    name: str
    role: str
    nbytes: int
    uses: tuple[int, ...]
    first: int
    last: int
    node: int = -1
    place: Place | None = None
    copies: int = 1
    phase: int = 0
    owners: Owners = ()

    @property
    def total(self) -> int:
        """Bytes of all places, of all images."""
        return self.nbytes * self.copies * max(1, len(self.owners))


def values(
    lowered: Lowered,
    cuts: Sequence[Cut],
    reads: Reads,
    layout: Callable[[int], Layout],
    packed: Mapping[int, int],
    programs: Sequence[int] = (),
    code: int = 0,
    phases: Sequence[int] = (),
    roles: Mapping[int, str] = MappingProxyType({}),
) -> tuple[Value, ...]:
    """All values of a plan: constants and state first, then what each stage makes, programs and code last.

    Parameters
    ----------
    layout : of a node's value in SDRAM.
    packed : for each stage whose recipes want its constants packed, their bytes; it then reads no others.
    programs : bytes of what each worker is told.
    code : bytes of the procedures that workers share.
    phases : of each stage, 0 for all by default.
    roles : what variables are called, by the ids of their nodes, such as weights or momentum.
    """
    phases = tuple(phases) or (0,) * len(lowered.stages)
    read, over = readers(lowered), in_place(lowered, cuts, reads)
    found = [
        *_constants(lowered, layout, packed, read),
        *_variables(lowered, layout, over, read, roles),
        *_inputs(lowered, layout, phases, read),
        *_made(lowered, cuts, reads, layout, phases, over, read),
    ]
    for worker, nbytes in enumerate(programs):
        found.append(_always(lowered, Value(f"program {worker}", "program", -(-nbytes // 8) * 8, (), 0, 0)))
    if code:
        found.append(_always(lowered, Value("code", "code", -(-code // 8) * 8, (), 0, 0)))
    return tuple(found)


def copies_of(found: Iterable[Value]) -> dict[Place, int]:
    """Places of each value, as `shares` wants to know them."""
    return {value.place: value.copies for value in found if value.place is not None}


def readers(lowered: Lowered) -> Readers:
    """For each value, the numbers of the stages that read it, whatever they call it; those that none reads as well."""
    found: dict[int, dict[int, None]] = {node.id: {} for node in lowered.graph.nodes}
    for stage in lowered.stages:
        for number in stage.inputs:
            found[lowered.home(number)][stage.number] = None
    return {number: tuple(stages) for number, stages in found.items()}


def in_place(lowered: Lowered, cuts: Sequence[Cut], reads: Reads) -> dict[int, int]:
    """Variables whose new value may be written over the old one, with the node of that value.

    No stage behind the one that makes it reads the variable, that stage reads of it just the box that it writes, and
    nothing else is to hold the new value.
    """
    homes = [lowered.home(value) for _, value in lowered.graph.updates]
    outputs = {lowered.home(number) for number in lowered.graph.outputs}
    read, found = readers(lowered), {}
    for variable, value in lowered.graph.updates:
        home = lowered.home(value)
        if home not in lowered.maker or homes.count(home) > 1 or home in outputs:
            continue
        stage = lowered.stages[lowered.maker[home]]
        users = read[variable]
        if users and users[-1] > stage.number:
            continue
        if stage.number not in users or _same_boxes(stage, cuts[stage.number], reads, variable):
            found[variable] = home
    return found


def _constants(
    lowered: Lowered, layout: Callable[[int], Layout], packed: Mapping[int, int], read: Readers
) -> Iterator[Value]:
    for stage in lowered.stages:
        if packed.get(stage.number):
            nbytes = -(-packed[stage.number] // 8) * 8
            made = Value(f"{stage.name} constants", "weights", nbytes, (stage.number,), 0, 0)
            yield _always(lowered, made)
    plain = {
        lowered.home(number): None
        for stage in lowered.stages
        if not packed.get(stage.number)
        for number in stage.inputs
    }
    outputs = [lowered.home(n) for n in lowered.graph.roots]
    for number in dict.fromkeys([*plain, *outputs]):
        if lowered.graph[number].op == CONSTANT:
            name = f"constant {number}"
            made = Value(name, "weights", layout(number).nbytes, read[number], 0, 0, number)
            yield _always(lowered, made)


def _variables(
    lowered: Lowered,
    layout: Callable[[int], Layout],
    over: Mapping[int, int],
    read: Readers,
    roles: Mapping[int, str],
) -> Iterator[Value]:
    """The state: one place where the new value may be written over the old one, else two."""
    updated = dict(lowered.graph.updates)
    for node in lowered.graph.nodes:
        if node.op == VARIABLE:
            copies = 1 if node.id in over or node.id not in updated else 2
            users = read[node.id]
            name = f"{roles.get(node.id, STATE)} {node.id}"
            made = Value(name, STATE, layout(node.id).nbytes, users, 0, 0, node.id)
            yield _always(lowered, replace(made, place=("value", node.id), copies=copies))


def _inputs(
    lowered: Lowered, layout: Callable[[int], Layout], phases: Sequence[int], read: Readers
) -> Iterator[Value]:
    """What the host writes: a place for each batch under way, and one that it fills meanwhile."""
    for node in lowered.graph.nodes:
        if node.op == INPUT:
            users = read[node.id]
            copies = max((phases[n] for n in users), default=0) + 2
            made = Value(f"input {node.id}", "input", layout(node.id).nbytes, users, 0, 0, node.id)
            yield _always(lowered, replace(made, place=("value", node.id), copies=copies))


def _made(
    lowered: Lowered,
    cuts: Sequence[Cut],
    reads: Reads,
    layout: Callable[[int], Layout],
    phases: Sequence[int],
    over: Mapping[int, int],
    read: Readers,
) -> Iterator[Value]:
    """What stages leave: results, and partial sums that they join."""
    outputs = {lowered.home(number) for number in lowered.graph.outputs}
    states = _second_places(lowered, outputs)
    gone = states.union(over.values())  # lie where a variable does
    for stage in lowered.stages:
        cut, phase = cuts[stage.number], phases[stage.number]
        if cut.partial:
            nbytes = len(cut.sums) * _part_bytes(cut, _sum_bytes(lowered, stage))
            name, place = f"{stage.name} partial sums", ("partial", stage.number)
            yield Value(
                name, "partial", nbytes, (stage.number,), stage.number, stage.number, -1, place, 1, phase
            )
        for number in stage.results:
            if number in gone:
                continue
            users = read[number]
            uses = (stage.number, *(n for n in users if n != stage.number))
            name = stage.name if len(stage.results) == 1 else f"{stage.name} {number}"
            nbytes = layout(number).nbytes
            made = Value(
                name, "activation", nbytes, uses, uses[0], uses[-1], number, ("value", number), 1, phase
            )
            behind = max(phases[n] for n in uses) - phase
            if number in outputs:
                copies = max(max(phases) + 2 - phase, behind + 1)
                yield _always(lowered, replace(made, role="output", copies=copies))
            elif behind:
                yield _always(lowered, replace(made, copies=behind + 1))
            else:
                owners = _owners(lowered, cuts, reads, stage, number, users)
                yield replace(made, owners=owners, nbytes=_one(layout(number)) if owners else nbytes)


def _second_places(lowered: Lowered, outputs: set[int]) -> set[int]:
    """Nodes of new values of variables that are written to the second place of a variable."""
    found: set[int] = set()
    for _, value in lowered.graph.updates:
        home = lowered.home(value)
        if home in lowered.maker and home not in outputs:
            found.add(home)
    return found


def _owners(
    lowered: Lowered, cuts: Sequence[Cut], reads: Reads, stage: Stage, number: int, users: Sequence[int]
) -> Owners:
    """The workers of each image, if the maker of a value and all stages that read it deal images to the same ones."""
    if not stage.axes or stage.axes[0].name != "n" or stage.axes[0].size < 2:
        return ()
    size = stage.axes[0].size
    found = _by_image(images_of(cuts[stage.number], last_step(cuts[stage.number])), size)
    for other in (lowered.stages[n] for n in users):
        cut = cuts[other.number]
        if not other.axes or other.axes[0].name != "n" or other.axes[0].size != size:
            return ()
        for step in (TILES, JOIN) if cut.partial else (TILES,):
            if _by_image(images_of(cut, step), size) != found:
                return ()
            sums = cut.sums[0] if step == TILES and cut.partial else None
            for box in (boxes[0] for boxes in step_boxes(cut).values()):
                read = reads(other, Task(box, sums), step)
                if any(b[:1] != box[:1] for n, b in read.items() if lowered.home(n) == number):
                    return ()
    return found


def _by_image(images: Mapping[int, frozenset[int]], size: int) -> Owners:
    return tuple(frozenset(w for w, found in images.items() if i in found) for i in range(size))


def _same_boxes(stage: Stage, cut: Cut, reads: Reads, variable: int) -> bool:
    """Whether each tile reads of a variable just the box of its results."""
    if cut.sums or variable not in stage.inputs:
        return False
    boxes = [box for found in step_boxes(cut).values() for box in found]
    return all(reads(stage, Task(box), TILES).get(variable) == box for box in boxes)


def _part_bytes(cut: Cut, item: int) -> int:
    """Bytes of one part of the sums of all boxes, each box in whole double words."""
    boxes = product(*([stop - start for start, stop in spans] for spans in cut.spans))
    return sum(-(-item * prod(sizes) // DOUBLE) * DOUBLE for sizes in boxes)


def _sum_bytes(lowered: Lowered, stage: Stage) -> int:
    """Bytes of a partial sum: 64 bits where mantissas of bfp16 are multiplied, else 32."""
    wide = any(lowered.graph[n].type.format.startswith("bfp16") for n in stage.inputs)
    return 8 if wide else 4


def _one(layout: Layout) -> int:
    """Bytes of one image."""
    return replace(layout, shape=(1, *layout.shape[1:])).nbytes


def _always(lowered: Lowered, value: Value) -> Value:
    return replace(value, first=-1, last=len(lowered.stages))
