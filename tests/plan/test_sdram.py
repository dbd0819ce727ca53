"""SDRAM: no two values on the same bytes at the same time, in the order of stages and in simulated time."""

from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan.chains import chain

from spinntensor.errors import SDRAMError
from spinntensor.graph.graph import Graph, Node, TensorType
from spinntensor.lower.box import cut, whole
from spinntensor.lower.stage import Axis, Lowered, Stage
from spinntensor.machine.facts import facts
from spinntensor.plan.cut import Cut
from spinntensor.plan.layout import Layout
from spinntensor.plan.needs import images_of, needs
from spinntensor.plan.room import machine_of, smallest
from spinntensor.plan.schedule import ordered, share_phases
from spinntensor.plan.sdram import peak, placed
from spinntensor.plan.shares import resident, shares
from spinntensor.plan.simulate import simulate
from spinntensor.plan.values import Value, copies_of, in_place, values
from spinntensor.plan.waits import reduced

FACTS = facts()


def kept(made, phases=()):
    return values(made.lowered, made.cuts, made.reads, made.layout, {0: 100}, [9, 10], 1001, phases)


def ranges(buffer):
    """Addresses of all places of a buffer."""
    return [
        (buffer.address + i * buffer.stride, buffer.address + i * buffer.stride + buffer.nbytes)
        for i in range(buffer.copies)
    ]


def on_common_bytes(a, b):
    return any(p[0] < q[1] and q[0] < p[1] for p, q in product(ranges(a), ranges(b)))


@given(st.integers(0, 10_000), st.booleans(), st.booleans(), st.integers(1, 3))
@settings(max_examples=80)
def test_values_that_live_together_lie_apart(seed, state, images, groups):
    made = chain(seed, state=state, images=images)
    phases = () if state else tuple(i * groups // len(made.cuts) for i in range(len(made.cuts)))
    found = kept(made, phases)
    memory = placed(found, FACTS, 4)
    assert memory == placed(found, FACTS, 4)
    assert memory.live <= memory.nbytes == peak(memory.buffers)
    for value, buffer in zip(found, memory.buffers, strict=True):
        assert buffer.address % 8 == buffer.nbytes % 8 == buffer.stride % 8 == 0
        assert (buffer.name, buffer.role, buffer.node) == (value.name, value.role, value.node)
        assert buffer.copies * buffer.nbytes == value.total
        assert buffer.copies == 1 or buffer.stride >= buffer.nbytes
    for (v, a), (w, b) in combinations(zip(found, memory.buffers, strict=True), 2):
        if (v.first <= w.last and w.first <= v.last) or v.phase != w.phase:
            assert not on_common_bytes(a, b), (a, b)


@given(st.integers(0, 10_000), st.booleans(), st.integers(1, 3))
@settings(max_examples=40)
def test_no_worker_writes_what_another_one_still_needs(seed, images, groups):
    made = chain(seed, stages=6, images=images)
    phases = tuple(i * groups // len(made.cuts) for i in range(len(made.cuts)))
    found = kept(made, phases)
    memory = placed(found, FACTS, 4)
    needed = needs(made.lowered, made.cuts, made.reads)
    full = resident(
        shares(made.lowered, made.cuts, made.work, needed, copies_of(found), memory.reuses, phases)
    )
    order = ordered(full, phases, (1.0,) * len(made.cuts), 4)
    fewer, batches = reduced(full, order), 6
    run = simulate(fewer, order, batches=batches, phases=share_phases(fewer, phases))
    loads = {(s.share, s.period): s.start for s in run.spans if s.kind == "lead"}
    ends = {(s.share, s.period): s.end for s in run.spans if s.kind == "tail"}
    numbers = {(s.stage, s.step, s.worker): s.number for s in fewer}
    buffers = {v.place: (v, b) for v, b in zip(found, memory.buffers, strict=True)}
    uses = {}
    for need in needed:
        if need.reader in numbers and need.maker in numbers:
            makers, readers = uses.setdefault(need.place, (set(), set()))
            makers.add(need.maker)
            readers.add(need.reader)

    readings = {(n.place, n.reader, n.maker) for n in needed}

    def busy(key, batch):
        period = batch + phases[key[0]]
        return loads[numbers[key], period], ends[numbers[key], period]

    for (a, (makers, _)), (b, (others, readers)) in product(uses.items(), uses.items()):
        (value, mine), (other, theirs) = buffers[a], buffers[b]
        if a != b and not on_common_bytes(mine, theirs):
            continue
        apart = value.owners and value.owners == other.owners  # images in arenas of their own
        for maker, user, batch, before in product(makers, others | readers, range(batches), range(batches)):
            earlier = before < batch if a == b else (before, other.last) < (batch, value.first)
            if not earlier or (a == b and (before - batch) % value.copies):
                continue
            if apart and not _images(made, maker) & _images(made, user):
                continue
            if a == b and maker != user and (a, user, maker) not in readings:
                continue  # other elements of the same value
            if maker != user:
                assert busy(user, before)[1] <= busy(maker, batch)[0] + 1e-6


def _images(made, key):
    return images_of(made.cuts[key[0]], key[1])[key[2]]


def test_images_that_stay_with_their_workers_lie_in_arenas():
    made = chain(4, images=True)
    memory = placed(kept(made), FACTS, 4)
    inner = [b for b in memory.buffers if b.role == "activation"]
    assert inner
    assert all(b.copies == 4 and b.stride > 0 for b in inner)
    assert len({b.stride for b in inner}) == 1
    assert all(r.images for r in memory.reuses)
    workers = [owner for task, owner in made.cuts[0]]
    found = values(made.lowered, made.cuts, made.reads, made.layout, {})
    full = resident(
        shares(
            made.lowered,
            made.cuts,
            made.work,
            needs(made.lowered, made.cuts, made.reads),
            copies_of(found),
            memory.reuses,
        )
    )
    assert len(set(workers)) == 4
    assert all(full[w.share].worker == s.worker for s in full for w in s.waits)


def training(rows=(0, 8), later=False):
    """A variable [8, 4] and its update, which reads it by `rows`; a stage behind may read the old value."""
    kind = TensorType((8, 4), "float32")
    nodes = [Node(0, "variable", (), kind), Node(1, "input", (), kind), Node(2, "sub", (0, 1), kind)]
    axes = (Axis("m", 8), Axis("n", 4))
    made = [Stage(0, "update", "map", (2,), (0, 1), (2,), axes)]
    nodes.append(Node(3, "neg", (0,), kind))
    made.append(Stage(1, "behind", "map", (3,), (0 if later else 1,), (3,), axes))
    lowered = Lowered(Graph(tuple(nodes), (3,), ((0, 2),)), tuple(made), {})
    cuts = tuple(Cut((cut(8, 2), cut(4, 1)), (), (), (0, 1)) for _ in made)

    def reads(stage, task, step):
        box = (rows, task.box[1]) if stage.number == 0 and rows != (0, 8) else task.box
        return {n: box for n in stage.inputs}

    return lowered, cuts, reads, lambda number: Layout(kind.shape, 4)


def test_a_state_is_updated_in_place_when_nobody_sees_it():
    lowered, cuts, reads, layout = training()
    assert in_place(lowered, cuts, reads) == {0: 2}
    (state,) = (v for v in values(lowered, cuts, reads, layout, {}) if v.role == "state")
    assert state.copies == 1
    for other in (training(later=True), training(rows=(0, 1))):
        assert in_place(*other[:3]) == {}
        found = values(*other, {})
        (state,) = (v for v in found if v.role == "state")
        assert state.copies == 2
        assert all(v.node != 2 for v in found if v.role == "activation")


def test_a_wide_state_is_written_behind_all_that_read_the_old_one():
    lowered, cuts, reads, layout = training(rows=(0, 1))
    found = values(lowered, cuts, reads, layout, {})
    needed = needs(lowered, cuts, reads)
    assert {n.batches for n in needed if n.place == ("value", 0)} == {1}
    made = shares(lowered, cuts, lambda *key: chain(0).work(0, "tiles", 0), needed, copies_of(found))
    writer = next(s for s in made if (s.stage, s.worker) == (0, 0))
    reader = next(s for s in made if (s.stage, s.worker) == (0, 1))
    assert any(w.share == reader.number and w.periods == 1 for w in writer.waits)


def value(name, role, nbytes, first, last, uses=()):
    return Value(name, role, nbytes, uses or (first, last), first, last)


LIMIT = FACTS.sdram_usable_bytes


def test_what_does_not_fit_is_refused_with_numbers():
    found = [
        value("w", "weights", 40_000_000, -1, 3, (0,)),
        value("momentum 3", "state", 30_000_000, -1, 3, (1,)),
        value("a", "activation", 80_000_000, 0, 2),
        value("b", "activation", 80_000_000, 1, 2),
        value("p", "program", 1_000_000, -1, 3, ()),
    ]
    with pytest.raises(SDRAMError) as caught:
        placed(found, FACTS, 8)
    error = caught.value
    assert (error.needed, error.available) == (231_000_000, LIMIT)
    assert error.largest == (("activations", 160_000_000), ("weights", 40_000_000), ("momentum", 30_000_000))
    assert error.machine == "spinn3"
    # 71,000,000 bytes are fixed, 20,000,000 are for each image: 2 of 8 on a chip; stage 2 alone reads too much
    assert error.reason == "data parallel, 4 chips with at most 2 of 8 images and 111,000,000 bytes each"


def test_the_smallest_machine_is_that_of_the_arithmetic():
    fixed = value("w", "weights", 100_000_000, -1, 2, (0,))
    moving = value("a", "activation", 80_000_000, 0, 1)
    # 23,469,792 bytes for images of 10,000,000 bytes: 2 on a chip
    assert smallest([fixed, moving], 180_000_000, LIMIT, 8)[1].startswith(
        "data parallel, 4 chips with at most 2 of 8"
    )
    apart = [value("a", "activation", 80_000_000, 0, 1), value("b", "activation", 30_000_000, 1, 2)]
    apart.append(value("c", "activation", 60_000_000, 2, 3))
    # a and b on one chip, b and c on the other; one image of 170,000,000 bytes does not fit
    assert smallest(apart, 170_000_000, LIMIT, 1)[1].startswith("pipeline, 2 chips")
    name, reason = smallest([replace(fixed, nbytes=60_000_000), moving], 140_000_000, LIMIT, 8)
    assert name == "spinn3"
    # 63,469,792 bytes for images of 10,000,000 bytes: 6 on a chip, so 2 chips
    assert reason == "data parallel, 2 chips with at most 6 of 8 images and 120,000,000 bytes each"
    halves = [value(f"w{i}", "weights", 70_000_000, -1, 2, (i,)) for i in range(2)]
    wide = value("a", "activation", 160_000_000, 0, 1)
    # 53,469,792 bytes beside the weights of one layer, for images of 20,000,000 bytes: 2 on a chip
    name, reason = smallest([*halves, wide], 300_000_000, LIMIT, 8)
    assert name == "spinn5"
    assert reason.startswith(
        "8 chips, 4 pipelines of 2 that hold consecutive layers, each for at most 2 of 8"
    )
    name, reason = smallest([replace(fixed, nbytes=LIMIT + 1)], LIMIT + 1, LIMIT, 8)
    assert name == ""
    assert [machine_of(n) for n in (1, 2, 4, 5, 48, 49, 144, 145, 57_600, 57_601)] == [
        "chip", "spinn3", "spinn3", "spinn5", "spinn5", "spinn5x3", "spinn5x3", "spinn5x6", "spinn5x1200", "",
    ]  # fmt: skip


def test_whole_boxes_of_constants_are_kept_once():
    made = chain(6)
    packed = values(
        made.lowered, made.cuts, made.reads, made.layout, {s.number: 640 for s in made.lowered.stages}
    )
    assert all(v.role != "weights" or v.nbytes == 640 for v in packed)
    plain = values(made.lowered, made.cuts, made.reads, made.layout, {})
    constants = {n for s in made.lowered.stages for n in s.inputs if made.lowered.graph[n].op == "constant"}
    assert {v.node for v in plain if v.role == "weights"} == constants
    assert whole((3, 3, 8, 8)) == ((0, 3), (0, 3), (0, 8), (0, 8))
